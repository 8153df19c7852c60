# dray for armhf, with a sysroot that cross/sysroot.sh has made.
set(triplet arm-linux-gnueabihf)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(emulator qemu-arm-static)
set(sysroot armhf)
set(machine -mthumb) # as Debian's own armhf: a quarter smaller than with ARM's longer instructions
include(${CMAKE_CURRENT_LIST_DIR}/debian.cmake)
