// Stands in for NVIDIA's library, which takes a GPU: the functions that are used, with the signatures of nvml.h.
// Device 0 counts energy, device 1 is too old to, device 2 belongs to somebody else.
#include <stdio.h>
#include <string.h>

typedef struct nvmlDevice_st {
  const char* name;
  unsigned long long used, energy;
}* nvmlDevice_t;
typedef struct {
  unsigned long long total, free, used;
} nvmlMemory_t;
enum { SUCCESS = 0, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NO_PERMISSION = 4, DRIVER_NOT_LOADED = 9 };

static struct nvmlDevice_st devices[] = {{"NVIDIA H100 80GB HBM3", 7ull << 32, 1ull << 40}, {"Tesla M40", 5 << 20, 0}};

int nvmlInit_v2(void) {
#ifdef NO_DRIVER
  return DRIVER_NOT_LOADED;
#endif
  return SUCCESS;
}
int nvmlShutdown(void) { return SUCCESS; }
const char* nvmlErrorString(int status) { return status == DRIVER_NOT_LOADED ? "Driver Not Loaded" : "Unknown Error"; }
int nvmlDeviceGetCount_v2(unsigned int* count) {
  *count = 3;
  return SUCCESS;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t* device) {
  if (index > 1) return NO_PERMISSION;
  *device = &devices[index];
  return SUCCESS;
}
int nvmlDeviceGetName(nvmlDevice_t device, char* name, unsigned int length) {
  snprintf(name, length, "%s", device->name);
  return SUCCESS;
}
int nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t* memory) {
  memory->total = 80ull << 30;
  memory->used = device->used;
  memory->free = memory->total - memory->used;
  return SUCCESS;
}
int nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t device, unsigned long long* millijoules) {
  if (!device->energy) return NOT_SUPPORTED;
  *millijoules = device->energy;
  device->energy += 1500;
  return SUCCESS;
}
