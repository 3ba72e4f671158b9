// What a driver answers, with the signatures of cuda.h: an Orin, or with -DNO_DEVICE, -DNOT_STARTED none.
#include <stddef.h>
#include <string.h>

int cuInit(unsigned flags) {
#ifdef NOT_STARTED
  return 999;
#endif
  return flags != 0;
}

int cuDriverGetVersion(int* version) {
  *version = 12060;
  return 0;
}

int cuDeviceGetCount(int* count) {
#ifdef NO_DEVICE
  *count = 0;
#else
  *count = 2;
#endif
  return 0;
}

int cuDeviceGet(int* device, int ordinal) {
  *device = 40 + ordinal;
  return 0;
}

int cuDeviceGetName(char* name, int size, int device) {
  strncpy(name, device == 40 ? "Orin" : "NVIDIA H200", (size_t)size);
  return 0;
}

int cuDeviceGetAttribute(int* value, int attribute, int device) {
  int numbers[2][2] = {{8, 7}, {9, 0}};
  *value = numbers[device - 40][attribute - 75];
  return 0;
}

int cuDeviceTotalMem_v2(size_t* bytes, int device) {
  *bytes = device == 40 ? 7ull << 30 : 139ull << 30;
  return 0;
}

int cuGetErrorString(int error, const char** text) {
  *text = error == 999 ? "unknown error" : NULL;
  return 0;
}
