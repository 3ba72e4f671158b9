# Cross-compiles for IBM Z, whose bytes are in the other order, with Debian's g++-s390x-linux-gnu, and runs tests with its
# qemu-user-static:
#   cmake -S . -B build/s390x -DLICRT_PYTHON=OFF -DLICRT_TESTS=ON -DCMAKE_TOOLCHAIN_FILE=cmake/s390x-linux-gnu.cmake
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR s390x)
set(CMAKE_C_COMPILER s390x-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER s390x-linux-gnu-g++)
set(CMAKE_EXE_LINKER_FLAGS_INIT -static) # qemu then needs no libraries of the other machine
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-s390x-static -cpu max)
