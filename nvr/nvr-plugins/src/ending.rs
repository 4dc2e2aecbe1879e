//! Why a worker ended, in a sentence for people.
//!
//! Promises: pure: [`sentence`] names the plugin's fault before the machine's word for it.
//! Leaves to others: collecting what is known of the end (`worker`).

use std::fmt::Write;

/// Above this share of its memory a worker that dies is one that ran out of it.
const MEMORY_FULL: f64 = 0.85;

/// How the process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It is not known yet.
    Unknown,
}

/// What is known of a worker's end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Clues {
    /// Why the host killed it.
    pub killed_for: Option<String>,
    /// Its own last message.
    pub failed: Option<String>,
    /// From its signal handler: signal, forbidden system call or -1, address space in KiB.
    pub dying: Option<(i32, i64, u32)>,
    /// System calls it was refused and lived with.
    pub denied: Vec<i64>,
    /// The end of what it wrote to standard error.
    pub stderr: String,
    /// What it was doing: `loading`, `in process`.
    pub during: String,
    /// Its limit of address space, in bytes.
    pub memory_bytes_max: u64,
}

/// The reason.
pub fn sentence(exit: Exit, clues: &Clues) -> String {
    let mut text = cause(exit, clues);
    if !clues.during.is_empty() {
        let _ = write!(text, ", {}", clues.during);
    }
    let mut denied: Vec<String> = clues.denied.iter().map(|c| call_name(*c)).collect();
    denied.dedup();
    if !denied.is_empty() {
        let _ = write!(text, "; before that the sandbox refused it: {}", denied.join(", "));
    }
    nvr_base::media_protocol::bounded_text(&text)
}

fn cause(exit: Exit, clues: &Clues) -> String {
    if let Some(why) = &clues.killed_for {
        return why.clone();
    }
    if let Some(what) = &clues.failed {
        return what.clone();
    }
    let (signal, call, memory_kib) = clues.dying.unwrap_or((0, -1, 0));
    if call >= 0 {
        return format!("it was ended for a system call that no plugin may make: {}", call_name(call));
    }
    let signal = match exit {
        Exit::Signal(s) => s,
        Exit::Code(code) if signal == 0 => return format!("it ended itself with exit code {code}"),
        Exit::Code(_) | Exit::Unknown => signal,
    };
    let limit_kib = clues.memory_bytes_max / 1024;
    let is_full = limit_kib > 0 && f64::from(memory_kib) > MEMORY_FULL * limit_kib as f64;
    let (name, meaning) = signal_name(signal);
    let said = last_line(&clues.stderr);
    if is_full || said.contains("memory allocation of") {
        return format!("it reached its memory limit of {} MiB ({name})", limit_kib / 1024);
    }
    let mut text = format!("it crashed: {name}, {meaning}");
    if !said.is_empty() {
        let _ = write!(text, ": {said}");
    }
    text
}

/// The panic's message, or the last words of any kind.
fn last_line(stderr: &str) -> String {
    let mut lines = stderr.lines().map(str::trim).filter(|l| !l.is_empty());
    let line = lines.clone().position(|l| l.contains("panicked at"));
    let text = match line {
        // Rust writes the place and, on the next line, the message.
        Some(at) => lines.skip(at).take(2).collect::<Vec<_>>().join(" "),
        None => lines.next_back().unwrap_or_default().to_owned(),
    };
    text.chars().take(200).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A signal's name and meaning.
pub fn signal_name(signal: i32) -> (String, &'static str) {
    let (name, meaning) = match signal {
        libc::SIGSEGV => ("SIGSEGV", "it used memory that is not its own"),
        libc::SIGBUS => ("SIGBUS", "it used memory that is not there"),
        libc::SIGABRT => ("SIGABRT", "it gave up (a panic, an assertion)"),
        libc::SIGILL => ("SIGILL", "it ran an instruction this machine has not"),
        libc::SIGFPE => ("SIGFPE", "it divided by zero"),
        libc::SIGSYS => ("SIGSYS", "it made a system call that no plugin may make"),
        libc::SIGKILL => ("SIGKILL", "something killed it, perhaps for lack of memory"),
        libc::SIGALRM => ("SIGALRM", "it hung"),
        libc::SIGXFSZ => ("SIGXFSZ", "it wrote a file"),
        libc::SIGTRAP => ("SIGTRAP", "it gave up (a trap)"),
        other => return (format!("signal {other}"), "a signal ended it"),
    };
    (name.to_owned(), meaning)
}

/// A system call's name.
pub fn call_name(call: i64) -> String {
    let names = [
        (libc::SYS_socket, "socket"),
        (libc::SYS_socketpair, "socketpair"),
        (libc::SYS_connect, "connect"),
        (libc::SYS_bind, "bind"),
        (libc::SYS_sendto, "sendto"),
        (libc::SYS_openat, "openat (a file)"),
        (libc::SYS_openat2, "openat2 (a file)"),
        (libc::SYS_clone, "clone (a process or thread)"),
        (libc::SYS_clone3, "clone3 (a process or thread)"),
        (libc::SYS_execve, "execve (a program)"),
        (libc::SYS_execveat, "execveat (a program)"),
        (libc::SYS_ptrace, "ptrace"),
        (libc::SYS_process_vm_readv, "process_vm_readv"),
        (libc::SYS_process_vm_writev, "process_vm_writev"),
        (libc::SYS_kill, "kill"),
        (libc::SYS_tkill, "tkill"),
        (libc::SYS_tgkill, "tgkill"),
        (libc::SYS_mount, "mount"),
        (libc::SYS_unshare, "unshare"),
        (libc::SYS_setns, "setns"),
        (libc::SYS_bpf, "bpf"),
        (libc::SYS_io_uring_setup, "io_uring_setup"),
        (libc::SYS_memfd_create, "memfd_create"),
        (libc::SYS_mmap, "mmap (executable memory)"),
        (libc::SYS_mprotect, "mprotect (executable memory)"),
        (libc::SYS_ioctl, "ioctl"),
        (libc::SYS_prctl, "prctl"),
        (libc::SYS_rt_sigaction, "rt_sigaction"),
        (libc::SYS_unlinkat, "unlinkat"),
        (libc::SYS_mkdirat, "mkdirat"),
        (libc::SYS_getdents64, "getdents64 (a folder)"),
        (libc::SYS_newfstatat, "newfstatat (a file)"),
        (libc::SYS_statx, "statx (a file)"),
        (libc::SYS_prlimit64, "prlimit64"),
        (libc::SYS_setrlimit, "setrlimit"),
    ];
    #[cfg(target_arch = "x86_64")]
    let old = [
        (libc::SYS_open, "open (a file)"),
        (libc::SYS_fork, "fork (a process)"),
        (libc::SYS_vfork, "vfork (a process)"),
        (libc::SYS_unlink, "unlink"),
        (libc::SYS_readlink, "readlink"),
        (libc::SYS_access, "access (a file)"),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let old: [(i64, &str); 0] = [];
    let name = names.iter().chain(&old).find(|(n, _)| *n == call).map(|(_, name)| (*name).to_owned());
    name.unwrap_or_else(|| format!("system call {call}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(exit: Exit, clues: Clues, expected: &str) {
        let clues = Clues { memory_bytes_max: 512 << 20, ..clues };
        let got = sentence(exit, &clues);
        assert!(got.contains(expected), "{got}");
    }

    fn dying(signal: i32, call: i64, memory_kib: u32) -> Clues {
        Clues { dying: Some((signal, call, memory_kib)), ..Clues::default() }
    }

    #[test]
    fn reasons() {
        let none = Clues::default;
        check(Exit::Signal(libc::SIGSEGV), none(), "it crashed: SIGSEGV, it used memory that is not its own");
        check(
            Exit::Signal(libc::SIGSEGV),
            dying(libc::SIGSEGV, -1, 500 << 10),
            "memory limit of 512 MiB (SIGSEGV)",
        );
        check(Exit::Signal(libc::SIGSEGV), dying(libc::SIGSEGV, -1, 50 << 10), "it crashed: SIGSEGV");
        check(Exit::Code(1), dying(libc::SIGSYS, libc::SYS_socket, 0), "no plugin may make: socket");
        check(Exit::Code(7), none(), "ended itself with exit code 7");
        check(Exit::Signal(99), none(), "signal 99");
        let killed = Clues { killed_for: Some("it hung".into()), during: "in process".into(), ..none() };
        check(Exit::Signal(libc::SIGKILL), killed, "it hung, in process");
        let failed = Clues { failed: Some("ABI 9.0".into()), ..none() };
        check(Exit::Code(1), failed, "ABI 9.0");
        let denied = Clues { denied: vec![libc::SYS_openat, libc::SYS_openat], ..none() };
        check(Exit::Signal(libc::SIGABRT), denied, "before that the sandbox refused it: openat (a file)");
        let stderr = "thread 'main' panicked at src/rule.rs:3:1:\nno zone\nnote: run with RUST_BACKTRACE\n";
        let panicked = Clues { stderr: stderr.into(), ..none() };
        check(Exit::Signal(libc::SIGABRT), panicked, "panicked at src/rule.rs:3:1: no zone");
        let alloc = Clues { stderr: "memory allocation of 99 bytes failed".into(), ..none() };
        check(Exit::Signal(libc::SIGABRT), alloc, "memory limit");
    }
}
