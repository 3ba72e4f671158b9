# Cross-compiles for 64-bit ARM with Debian's g++-aarch64-linux-gnu, and runs tests with its qemu-user-static:
#   cmake -S . -B build/aarch64 -DLICRT_PYTHON=OFF -DLICRT_TESTS=ON -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64-linux-gnu.cmake
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_EXE_LINKER_FLAGS_INIT -static) # qemu then needs no libraries of the other machine
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static -cpu max)
