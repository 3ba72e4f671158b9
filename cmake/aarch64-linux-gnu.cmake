# Cross-compiles for 64-bit ARM with Debian's g++-aarch64-linux-gnu, and runs tests with its qemu-user-static:
#   cmake -S . -B build/aarch64 -DLICRT_PYTHON=OFF -DLICRT_TESTS=ON -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64-linux-gnu.cmake
set(CMAKE_SYSTEM_PROCESSOR aarch64)
include(${CMAKE_CURRENT_LIST_DIR}/cross.cmake)
