//! Signal handlers that tell the host what ended, or was refused to, the plugin.
//!
//! Promises: async-signal-safe: no allocation, no lock; a forbidden system call that is forgiven returns `EPERM` to
//!   the plugin and is said once, any other ends the process; a crash is said and then happens.
//! Leaves to others: which calls trap and which are forgiven (`syscalls`).

use crate::sandbox::CHANNEL_FD;
use crate::syscalls::is_forgiven;
use nvr_base::media_protocol::VERSION;
use nvr_plugins::protocol::FromWorker;
use std::ffi::{c_int, c_void};
use std::os::fd::IntoRawFd;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

/// Signals that are crashes.
const CRASHES: [c_int; 6] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGABRT, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP];
/// System calls that are remembered as said.
const CALLS_MAX: usize = 1024;
/// Stack of the handlers, in bytes: a plugin that has used up its own still gets its last words.
const STACK_BYTES: usize = 64 * 1024;

static SAID: [AtomicBool; CALLS_MAX] = [const { AtomicBool::new(false) }; CALLS_MAX];
static DYING: AtomicBool = AtomicBool::new(false);
static STATM_FD: AtomicI32 = AtomicI32::new(-1);

/// Installs the handlers; afterwards the sandbox lets nobody install others.
///
/// # Errors
/// The system's refusal.
pub fn install() -> Result<(), String> {
    if let Ok(statm) = std::fs::File::open("/proc/self/statm") {
        STATM_FD.store(statm.into_raw_fd(), Ordering::Relaxed);
    }
    let stack = vec![0_u8; STACK_BYTES].leak();
    let stack = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: STACK_BYTES };
    // SAFETY: the stack is leaked, so it is there for as long as the process.
    #[allow(unsafe_code)]
    let result = unsafe { libc::sigaltstack(&raw const stack, std::ptr::null_mut()) };
    if result != 0 {
        return Err(format!("sigaltstack: {}", std::io::Error::last_os_error()));
    }
    set(libc::SIGSYS, on_forbidden as *const () as usize, 0)?;
    for signal in CRASHES {
        // Reset: when the handler returns, the fault happens again and has its default end.
        set(signal, on_crash as *const () as usize, libc::SA_RESETHAND)?;
    }
    Ok(())
}

fn set(signal: c_int, handler: usize, flags: c_int) -> Result<(), String> {
    // SAFETY: all zeros is a valid `sigaction`; the handler has the signature that SA_SIGINFO asks for, and does only
    // what is allowed in a signal's context.
    #[allow(unsafe_code)]
    let result = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | flags;
        libc::sigaction(signal, &raw const action, std::ptr::null_mut())
    };
    if result == 0 { Ok(()) } else { Err(format!("sigaction: {}", std::io::Error::last_os_error())) }
}

/// Address space of this process in KiB; 0 when it is not known. Safe in a signal handler.
pub fn memory_kib() -> u32 {
    let fd = STATM_FD.load(Ordering::Relaxed);
    let mut text = [0_u8; 32];
    // SAFETY: the buffer is as long as is said; a descriptor that is not open gives an error.
    #[allow(unsafe_code)]
    let n = unsafe { libc::pread(fd, text.as_mut_ptr().cast(), text.len(), 0) };
    let read = text.get(..usize::try_from(n).unwrap_or(0)).unwrap_or_default();
    let digits = read.iter().take_while(|b| b.is_ascii_digit());
    let pages = digits.fold(0_u32, |n, b| n.saturating_mul(10).saturating_add(u32::from(b - b'0')));
    // Pages of 4 KiB on every machine this is built for.
    pages.saturating_mul(4)
}

fn say(message: &FromWorker) {
    let mut bytes = [0_u8; 64];
    let [version, rest @ ..] = &mut bytes;
    *version = VERSION;
    let Ok(len) = postcard::to_slice(message, rest).map(|b| b.len() + 1) else { return };
    // SAFETY: the bytes are there; a write to a socket of packets is one packet.
    #[allow(unsafe_code)]
    unsafe {
        libc::write(CHANNEL_FD, bytes.as_ptr().cast(), len);
    }
}

extern "C" fn on_crash(signal: c_int, _: *mut libc::siginfo_t, _: *mut c_void) {
    DYING.store(true, Ordering::Relaxed);
    say(&FromWorker::Dying { signal, call: -1, memory_kib: memory_kib() });
}

extern "C" fn on_forbidden(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let call = call_of(info);
    if !is_forgiven(call) {
        say(&FromWorker::Dying { signal, call, memory_kib: memory_kib() });
        crate::sandbox::exit_now(1);
    }
    let said = usize::try_from(call).ok().and_then(|n| SAID.get(n));
    if !DYING.load(Ordering::Relaxed) && said.is_none_or(|s| !s.swap(true, Ordering::Relaxed)) {
        say(&FromWorker::Denied { call });
    }
    answer(context, -i64::from(libc::EPERM));
}

/// `si_syscall`, which libc's `siginfo_t` has no name for: after three ints (padded) and the call's address.
#[allow(unsafe_code)]
fn call_of(info: *mut libc::siginfo_t) -> i64 {
    #[repr(C)]
    struct Sigsys {
        signal: c_int,
        errno: c_int,
        code: c_int,
        address: *mut c_void,
        call: c_int,
    }
    // SAFETY: the kernel fills this form of the union for SIGSYS of seccomp; `siginfo_t` is longer than it and aligned.
    i64::from(unsafe { (*info.cast::<Sigsys>()).call })
}

/// What the trapped call returns.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
fn answer(context: *mut c_void, value: i64) {
    // SAFETY: with SA_SIGINFO the kernel passes a `ucontext_t` of this thread, valid until the handler returns.
    unsafe {
        if let Some(rax) =
            (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs.get_mut(libc::REG_RAX as usize)
        {
            *rax = value;
        }
    }
}

/// What the trapped call returns.
#[cfg(target_arch = "aarch64")]
#[allow(unsafe_code)]
fn answer(context: *mut c_void, value: i64) {
    // SAFETY: with SA_SIGINFO the kernel passes a `ucontext_t` of this thread, valid until the handler returns.
    unsafe {
        if let Some(x0) = (*context.cast::<libc::ucontext_t>()).uc_mcontext.regs.first_mut() {
            *x0 = value.cast_unsigned();
        }
    }
}
