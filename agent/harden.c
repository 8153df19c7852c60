#include "harden.h"

#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/capability.h>

#include "filter.h"
#include "log.h"

/* --- memory ------------------------------------------------------------------------------------------ */

static void forbid_dumps(void)
{
	/* A core_pattern that is a pipe heeds no limit: only this keeps the kernel from feeding it. */
	(void)prctl(PR_SET_DUMPABLE, 0);
}

void harden_memory(void)
{
	(void)setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
	forbid_dumps();
}

/* --- calls -------------------------------------------------------------------------------------------- */

#define X32_BIT 0x40000000U

static const struct sock_filter filter[] = {
	LOAD_ARCH,
	UNLESS(ARCH, 1),
	BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0),
	RETURN(SECCOMP_RET_ERRNO | EPERM),
	LOAD_NUMBER,
#if defined(__x86_64__)
	BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1),
	RETURN(SECCOMP_RET_ERRNO | EPERM),
#endif

/* other processes' memory and files; a leak checker traces itself */
#if !IS_SANITISED
	REFUSE(ptrace),
#endif
	REFUSE(process_vm_readv),
	REFUSE(process_vm_writev),
	REFUSE(kcmp),
	REFUSE(pidfd_getfd),
	REFUSE(open_by_handle_at),

	/* another view of the machine */
	REFUSE(mount),
	REFUSE(umount2),
	REFUSE(pivot_root),
	REFUSE(chroot),
	REFUSE(unshare),
	REFUSE(setns),
	REFUSE(open_tree),
	REFUSE(move_mount),
	REFUSE(fsopen),
	REFUSE(fsconfig),
	REFUSE(fsmount),
	REFUSE(fspick),
	REFUSE(mount_setattr),

	/* the kernel's inside, and parts of it that break often */
	REFUSE(init_module),
	REFUSE(finit_module),
	REFUSE(delete_module),
	REFUSE(kexec_load),
	REFUSE(kexec_file_load),
	REFUSE(bpf),
	REFUSE(perf_event_open),
	REFUSE(userfaultfd),
	REFUSE(io_uring_setup),
	REFUSE(io_uring_enter),
	REFUSE(io_uring_register),
	REFUSE(add_key),
	REFUSE(request_key),
	REFUSE(keyctl),
	REFUSE(syslog),

	/* the machine as a whole */
	REFUSE(reboot),
	REFUSE(swapon),
	REFUSE(swapoff),
	REFUSE(acct),
	REFUSE(quotactl),
	REFUSE(settimeofday),
	REFUSE(clock_settime),
#ifdef __NR_clock_settime64
	REFUSE(clock_settime64),
#endif
	REFUSE(sethostname),
	REFUSE(setdomainname),
	REFUSE(vhangup),

	RETURN(SECCOMP_RET_ALLOW),
};

void harden_calls(void)
{
	struct sock_fprog program = {
		.len = (unsigned short)(sizeof(filter) / sizeof(filter[0])),
		.filter = (struct sock_filter *)filter,
	};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0)
		LOG_INFO("no filter of system calls here", LOG_S("error", strerror(errno)));
}

/* --- rights -------------------------------------------------------------------------------------------- */

#define KEPT (UINT32_C(1) << CAP_NET_BIND_SERVICE)

struct capabilities {
	struct __user_cap_header_struct header;
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
};

/* The bounding set is left only by who may change it: without rights it gives none, see no_new_privs. */
static int drop_capabilities(void)
{
	struct capabilities of = { .header = { .version = _LINUX_CAPABILITY_VERSION_3 } };

	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); /* children have none */
	if (syscall(SYS_capget, &of.header, of.data) != 0)
		return -1;
	if (!(of.data[0].permitted & ~KEPT) && !of.data[1].permitted)
		return 0;
	for (unsigned long right = 0; prctl(PR_CAPBSET_READ, right, 0, 0, 0) >= 0; right++)
		if (right != CAP_NET_BIND_SERVICE)
			(void)prctl(PR_CAPBSET_DROP, right, 0, 0, 0);
	of.data[0].permitted &= KEPT;
	of.data[0].effective = of.data[0].permitted;
	of.data[0].inheritable = 0;
	of.data[1] = (struct __user_cap_data_struct){ 0 };
	return (int)syscall(SYS_capset, &of.header, of.data);
}

/* `group` is for one that nobody knows by name. */
static int become(uid_t user, gid_t group)
{
	const struct passwd *entry = getpwuid(user);

	if (entry)
		group = entry->pw_gid;
	if ((entry ? initgroups(entry->pw_name, group) : setgroups(1, &group)) != 0 ||
		setresgid(group, group, group) != 0 || prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 ||
		setresuid(user, user, user) != 0)
		return -1;
	forbid_dumps(); /* another user is another say on that */
	return 0;
}

int harden_rights(const char *state_dir, struct error *err)
{
	struct stat folder;

	if (geteuid() == 0 && stat(state_dir, &folder) == 0 && folder.st_uid != 0) {
		if (become(folder.st_uid, folder.st_gid) != 0)
			return error_set(err, "state_dir",
				"drayd can't become user %u, whose %s is: %s",
				(unsigned)folder.st_uid, state_dir, strerror(errno));
		LOG_INFO("started as root, goes on as the state folder's owner",
			LOG_I("uid", folder.st_uid));
	} else if (geteuid() == 0) {
		LOG_WARNING("drayd runs as root: give the state folder a user of its own (chown)",
			LOG_S("state_dir", state_dir));
	}
	if (drop_capabilities() != 0)
		return error_set(err, NULL, "capabilities can't be given up: %s", strerror(errno));
	return 0;
}
