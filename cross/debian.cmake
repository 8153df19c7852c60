# What the toolchain files have in common: a sysroot of Debian's packages, and nothing of this machine.
#
# DRAY_SYSROOTS, in the environment: the folder of the sysroots; default build/sysroot.
set(CMAKE_SYSTEM_NAME Linux)
# clang and lld make arm64 an eighth smaller than gcc and ld do: functions share what they have in common,
# and segments for kernels with pages of 64 KiB need no padding in the file.
set(CMAKE_C_COMPILER clang)
set(CMAKE_C_COMPILER_TARGET ${triplet})
set(CMAKE_EXE_LINKER_FLAGS_INIT
	"-fuse-ld=lld -Wl,--build-id=sha1 -Wl,--icf=safe -Wl,-O2 -Wl,-mllvm,-machine-outliner-reruns=1")
set(CMAKE_LIBRARY_ARCHITECTURE ${triplet})
if(DEFINED ENV{DRAY_SYSROOTS})
	set(CMAKE_SYSROOT $ENV{DRAY_SYSROOTS}/${sysroot})
else()
	get_filename_component(CMAKE_SYSROOT ${CMAKE_CURRENT_LIST_DIR}/../build/sysroot/${sysroot} ABSOLUTE)
endif()
set(CMAKE_FIND_ROOT_PATH ${CMAKE_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${CMAKE_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR} ${CMAKE_SYSROOT}/usr/lib/${triplet}/pkgconfig:${CMAKE_SYSROOT}/usr/share/pkgconfig)

# Debug information names the sysroot's headers as if it lay in build/sysroot, wherever it does, and sources
# from the top of the tree, as gcc does: clang would put the folder of the build before them.
set(CMAKE_C_FLAGS_INIT
	"${machine} -ffile-prefix-map=${CMAKE_SYSROOT}=./build/sysroot/${sysroot} -fdebug-compilation-dir=.")
# With qemu-user-static ctest runs what was built.
find_program(found_emulator ${emulator})
if(found_emulator)
	set(CMAKE_CROSSCOMPILING_EMULATOR "${found_emulator};-L;${CMAKE_SYSROOT}")
endif()
