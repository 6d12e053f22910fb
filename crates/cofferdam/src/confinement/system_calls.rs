//! System calls that no worker makes, and that have been the way out of many a sandbox.
//!
//! A list of what is refused, not of what is allowed: the calls that a runtime, a C library and a database client make change
//! from one version to the next, and a worker that dies of a new one protects nobody.

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as ArgLen, SeccompCmpOp as CmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use std::collections::BTreeMap;

/// Refuses the calls of [`REFUSED`] with "operation not permitted".
pub(super) fn restrict() -> Result<String, String> {
    enforce(REFUSED.iter().map(|call| (*call, Vec::new())).collect())
}

/// Refuses those, the calls of [`REFUSED_TO_SANDBOXES`], and what would reach other processes.
pub(super) fn restrict_sandboxes() -> Result<String, String> {
    let own = u64::from(std::process::id());
    let other = |argument: u8, allowed: &[u64]| {
        let conditions = allowed.iter().map(|allowed| SeccompCondition::new(argument, ArgLen::Dword, CmpOp::Ne, *allowed));
        SeccompRule::new(conditions.collect::<Result<_, _>>()?)
    };
    let equal =
        |argument: u8, value: u64| SeccompRule::new(vec![SeccompCondition::new(argument, ArgLen::Dword, CmpOp::Eq, value)?]);
    // Signals and limits are for the process itself; that it ends with its worker is settled.
    let conditional = || {
        Ok::<_, seccompiler::BackendError>([
            (libc::SYS_kill, vec![other(0, &[own])?]),
            (libc::SYS_tgkill, vec![other(0, &[own])?]),
            (libc::SYS_prlimit64, vec![other(0, &[0, own])?]),
            (libc::SYS_prctl, vec![equal(0, PR_SET_PDEATHSIG)?]),
        ])
    };
    let conditional = conditional().map_err(|error| failed(&error))?;
    let refused = REFUSED.iter().chain(REFUSED_TO_SANDBOXES).map(|call| (*call, Vec::new()));
    enforce(refused.chain(conditional).collect())
}

fn failed(error: &dyn std::error::Error) -> String {
    format!("a seccomp filter cannot be set: {error}")
}

fn enforce(rules: BTreeMap<i64, Vec<SeccompRule>>) -> Result<String, String> {
    let architecture = std::env::consts::ARCH.try_into().map_err(|error: seccompiler::BackendError| failed(&error))?;
    let refused = rules.len();
    let refuse = SeccompAction::Errno(rustix::io::Errno::PERM.raw_os_error().unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, architecture).map_err(|error| failed(&error))?;
    let program: BpfProgram = filter.try_into().map_err(|error: seccompiler::BackendError| failed(&error))?;
    seccompiler::apply_filter(&program).map_err(|error| failed(&error))?;
    Ok(format!("{refused} system calls are refused"))
}

/// The option of `prctl` for the signal at the parent's death.
const PR_SET_PDEATHSIG: u64 = 1;

/// What a process for sandboxes does not do beside that: open sockets, start programs, share memory by name, signal others.
const REFUSED_TO_SANDBOXES: &[i64] = &[
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_listen,
    libc::SYS_mq_open,
    libc::SYS_msgget,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    libc::SYS_process_madvise,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_semget,
    libc::SYS_shmat,
    libc::SYS_shmget,
    libc::SYS_socket,
    libc::SYS_tkill,
];

/// Reading other processes, mounting, namespaces, kernel modules, keys, clocks, BPF, and whole classes of kernel code that only
/// special programs use.
const REFUSED: &[i64] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_adjtimex,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_fanotify_init,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kcmp,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_move_pages,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_personality,
    libc::SYS_pidfd_getfd,
    libc::SYS_pivot_root,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
];
