/*
 * filter.h - words to write a filter of system calls with, seccomp(2), for the machines dray runs on.
 *
 * A filter is an array of these that ends in RETURN(...). It begins with LOAD_ARCH and looks at that
 * first: the same number is another call where a program speaks another machine's tongue.
 */
#ifndef DRAY_FILTER_H
#define DRAY_FILTER_H

#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITISED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITISED 1
#endif
#ifndef IS_SANITISED
#define IS_SANITISED 0
#endif

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__arm__)
#define ARCH AUDIT_ARCH_ARM
#else
#error "the filters of system calls know x86-64, aarch64 and arm"
#endif

/* All three machines are little-endian: an argument's low word comes first. */
#define LOAD_ARCH BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch))
#define LOAD_NUMBER BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))
#define LOAD_ARGUMENT(n) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[n]))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, (what))
/* Unless what was loaded is `number`, go on behind the next `skip`. */
#define UNLESS(number, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, (skip))

#define PERMIT(name) UNLESS(__NR_##name, 1), RETURN(SECCOMP_RET_ALLOW)
#define REFUSE(name) UNLESS(__NR_##name, 1), RETURN(SECCOMP_RET_ERRNO | EPERM)

#endif
