# Cross-compiles for IBM Z, whose bytes are in the other order, with Debian's g++-s390x-linux-gnu, and runs tests with its
# qemu-user-static:
#   cmake -S . -B build/s390x -DLICRT_PYTHON=OFF -DLICRT_TESTS=ON -DCMAKE_TOOLCHAIN_FILE=cmake/s390x-linux-gnu.cmake
set(CMAKE_SYSTEM_PROCESSOR s390x)
include(${CMAKE_CURRENT_LIST_DIR}/cross.cmake)
