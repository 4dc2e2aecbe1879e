//! What a process has cost so far, by the kernel's books.
//!
//! Promises: reads `/proc` and nothing else. Leaves to others: which process, and comparing two looks.

use anyhow::Context;
use std::collections::BTreeMap;

/// One process.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Usage {
    /// CPU time, user and system, s.
    pub(super) cpu_s: f64,
    /// Memory that is there, MB.
    pub(super) rss_mb: f64,
    /// Threads.
    pub(super) threads: u64,
    /// Bytes written, to whatever.
    pub(super) written: u64,
    /// Context switches of all its threads.
    pub(super) switches: u64,
}

impl Usage {
    /// Of `pid`.
    pub(super) fn of(pid: u32) -> anyhow::Result<Self> {
        let proc = |name: &str| {
            std::fs::read_to_string(format!("/proc/{pid}/{name}"))
                .with_context(|| format!("reading /proc/{pid}/{name}"))
        };
        let (stat, state, io) = (proc("stat")?, proc("status")?, proc("io")?);
        let mut switches = 0;
        for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
            let text = std::fs::read_to_string(task?.path().join("status")).unwrap_or_default();
            switches += field(&text, "voluntary_ctxt_switches") + field(&text, "nonvoluntary_ctxt_switches");
        }
        Ok(Self {
            cpu_s: stat_of(&stat).ticks as f64 / rustix::param::clock_ticks_per_second() as f64,
            rss_mb: field(&state, "VmRSS:") as f64 / 1024.0,
            threads: field(&state, "Threads:"),
            written: field(&io, "wchar:"),
            switches,
        })
    }
}

/// The children of a process by their ids: program, CPU time in seconds, memory in MB. One that ends meanwhile is left
/// out.
pub(super) fn children(parent: u32) -> anyhow::Result<BTreeMap<u32, (String, f64, f64)>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").context("reading /proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let read = |name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}"));
        let Ok(stat) = read("stat") else { continue };
        let stat = stat_of(&stat);
        if stat.parent == parent {
            let cpu_s = stat.ticks as f64 / rustix::param::clock_ticks_per_second() as f64;
            let rss_mb = field(&read("status").unwrap_or_default(), "VmRSS:") as f64 / 1024.0;
            found.insert(pid, (stat.program, cpu_s, rss_mb));
        }
    }
    Ok(found)
}

/// `/proc/PID/stat`: see proc(5).
#[derive(Debug, Default, PartialEq, Eq)]
struct Stat {
    program: String,
    parent: u32,
    /// User and system time, clock ticks.
    ticks: u64,
}

fn stat_of(text: &str) -> Stat {
    // The name may hold anything, blanks and brackets included: it ends at the last bracket.
    let (head, rest) = text.rsplit_once(')').unwrap_or(("", text));
    let fields: Vec<_> = rest.split_whitespace().collect();
    let number = |n: usize| fields.get(n).and_then(|f| f.parse::<u64>().ok()).unwrap_or(0);
    Stat {
        program: head.split_once('(').map_or("", |(_, name)| name).to_owned(),
        parent: u32::try_from(number(1)).unwrap_or(0),
        ticks: number(11) + number(12),
    }
}

fn field(text: &str, name: &str) -> u64 {
    let line = text.lines().find(|l| l.starts_with(name)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]

    use super::*;

    #[test]
    fn stat_lines() {
        let line = "77 (a) b (c) S 12 1 1 0 -1 4194560 9 0 0 0 150 50 0 0 20 0 3 0 99";
        assert_eq!(stat_of(line), Stat { program: "a) b (c".into(), parent: 12, ticks: 200 });
        assert_eq!(stat_of("nonsense"), Stat::default());
        assert_eq!(field("VmRSS:\t  2048 kB\nThreads:\t5", "Threads:"), 5);
    }

    #[test]
    fn this_process() {
        assert!(Usage::of(std::process::id()).unwrap().threads >= 1);
        assert!(children(std::process::id()).is_ok());
    }
}
