# dray for arm64, with a sysroot that cross/sysroot.sh has made.
set(triplet aarch64-linux-gnu)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(emulator qemu-aarch64-static)
set(sysroot arm64)
include(${CMAKE_CURRENT_LIST_DIR}/debian.cmake)
