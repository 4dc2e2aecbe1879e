//! The system calls a worker may make, in two stages: while the library is loaded, and from then on.
//!
//! Promises: allow-lists; in neither stage sockets, programs, processes, threads, or another process's memory; in the
//!   second no file is opened and no memory becomes executable. A forbidden call traps, so that it can be named.
//! Leaves to others: installing them (`sandbox`), what a trap costs (`last_words`).

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};
use std::collections::BTreeMap;

/// In both stages, on every architecture.
const ALWAYS: &[i64] = &[
    // Memory; `mmap` and `mprotect` are narrowed in the second stage.
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_mremap,
    libc::SYS_munmap,
    // Descriptors that are open.
    libc::SYS_close,
    libc::SYS_fcntl,
    libc::SYS_fstat,
    libc::SYS_pread64,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_write,
    libc::SYS_writev,
    // Waiting and time.
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_futex,
    libc::SYS_gettimeofday,
    libc::SYS_nanosleep,
    libc::SYS_ppoll,
    libc::SYS_restart_syscall,
    libc::SYS_sched_yield,
    libc::SYS_setitimer,
    // This thread.
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_getcpu,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_rseq,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_set_robust_list,
    libc::SYS_sigaltstack,
    libc::SYS_sysinfo,
    libc::SYS_times,
    libc::SYS_uname,
];

/// While the library is loaded: landlock says which files. The last two install the second stage.
const LOADING: &[i64] = &[
    libc::SYS_lseek,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_prctl,
    libc::SYS_seccomp,
    libc::SYS_statx,
];

/// Older forms of the same calls that x86-64 still has.
#[cfg(target_arch = "x86_64")]
const OLD: &[i64] = &[libc::SYS_alarm, libc::SYS_arch_prctl, libc::SYS_poll, libc::SYS_time];
#[cfg(not(target_arch = "x86_64"))]
const OLD: &[i64] = &[];

/// Forbidden calls that libraries make in good faith and can do without: refused, said, and lived with.
const FORGIVEN: &[i64] = &[
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_ioctl,
    libc::SYS_lseek,
    libc::SYS_memfd_create,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_prctl,
    libc::SYS_prlimit64,
    libc::SYS_readlinkat,
    libc::SYS_rt_sigaction,
    libc::SYS_sched_setaffinity,
    libc::SYS_sched_setscheduler,
    libc::SYS_statx,
    libc::SYS_statfs,
];

#[cfg(target_arch = "x86_64")]
const FORGIVEN_OLD: &[i64] =
    &[libc::SYS_access, libc::SYS_lstat, libc::SYS_open, libc::SYS_readlink, libc::SYS_stat];
#[cfg(not(target_arch = "x86_64"))]
const FORGIVEN_OLD: &[i64] = &[];

/// True for a forbidden call that is refused with an error; any other ends the worker.
pub fn is_forgiven(call: i64) -> bool {
    FORGIVEN.contains(&call) || FORGIVEN_OLD.contains(&call)
}

/// Which filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The library is loaded, its constructors run.
    Loading,
    /// From then on.
    Serving,
}

fn allowed(stage: Stage) -> impl Iterator<Item = i64> {
    let loading: &[i64] = if stage == Stage::Loading { LOADING } else { &[] };
    ALWAYS.iter().chain(OLD).chain(loading).copied()
}

/// The filter of a stage for the process `pid`.
///
/// # Errors
/// It cannot be compiled for this architecture.
pub fn filter(stage: Stage, pid: u32, arch: TargetArch) -> Result<BpfProgram, seccompiler::Error> {
    let mut list: BTreeMap<i64, Vec<SeccompRule>> = allowed(stage).map(|call| (call, Vec::new())).collect();
    if stage == Stage::Serving {
        let exec = u64::from(libc::PROT_EXEC.unsigned_abs());
        // Not executable; of `mmap` and `mprotect` the third argument.
        let plain = SeccompCondition::new(2, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(exec), 0)?;
        for call in [libc::SYS_mmap, libc::SYS_mprotect] {
            list.insert(call, vec![SeccompRule::new(vec![plain.clone()])?]);
        }
    }
    // `abort` sends its own process a signal; none goes elsewhere.
    let own = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, u64::from(pid))?;
    list.insert(libc::SYS_tgkill, vec![SeccompRule::new(vec![own])?]);
    let filter = SeccompFilter::new(list, SeccompAction::Trap, SeccompAction::Allow, arch)?;
    Ok(filter.try_into()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dangerous_calls_are_on_no_list() {
        let dangerous = [
            libc::SYS_socket,
            libc::SYS_socketpair,
            libc::SYS_connect,
            libc::SYS_bind,
            libc::SYS_listen,
            libc::SYS_accept4,
            libc::SYS_sendto,
            libc::SYS_clone,
            libc::SYS_clone3,
            libc::SYS_execve,
            libc::SYS_execveat,
            libc::SYS_ptrace,
            libc::SYS_process_vm_readv,
            libc::SYS_process_vm_writev,
            libc::SYS_pidfd_getfd,
            libc::SYS_kill,
            libc::SYS_tkill,
            libc::SYS_mount,
            libc::SYS_unshare,
            libc::SYS_setns,
            libc::SYS_bpf,
            libc::SYS_io_uring_setup,
            libc::SYS_unlinkat,
            libc::SYS_renameat2,
            libc::SYS_setrlimit,
        ];
        for call in dangerous {
            for stage in [Stage::Loading, Stage::Serving] {
                assert!(allowed(stage).all(|c| c != call) && !is_forgiven(call), "{call} while {stage:?}");
            }
        }
        for call in LOADING {
            assert!(allowed(Stage::Serving).all(|c| c != *call), "{call} in service");
        }
    }
}
