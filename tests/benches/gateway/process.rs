//! What the kernel charged to a process: processor time, memory, bytes written.

use std::fs;
use std::time::Duration;

/// Reads `/proc` of one process.
#[derive(Clone, Copy)]
pub struct Process(pub u32);

impl Process {
    /// Processor time of all its threads, user and system.
    pub fn cpu(self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0)).expect("process is alive");
        // Fields after the command, which stands in brackets and may hold spaces
        // (proc_pid_stat(5): utime is field 14, stime field 15, in ticks of 10 ms).
        let after = stat.rsplit_once(") ").expect("stat has a command").1;
        let fields: Vec<&str> = after.split(' ').collect();
        let ticks: u64 =
            fields[11].parse::<u64>().expect("utime") + fields[12].parse::<u64>().expect("stime");
        Duration::from_millis(ticks * 10)
    }

    /// Largest resident memory so far, in bytes.
    pub fn peak_memory(self) -> u64 {
        self.status("VmHWM:") * 1024
    }

    /// Resident memory now, in bytes.
    pub fn memory(self) -> u64 {
        self.status("VmRSS:") * 1024
    }

    fn status(self, key: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).expect("alive");
        let line = status.lines().find(|line| line.starts_with(key)).expect("key is there");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
    }

    /// Bytes it caused to be sent to the storage layer (proc_pid_io(5)).
    pub fn written(self) -> u64 {
        let io = fs::read_to_string(format!("/proc/{}/io", self.0)).expect("process is alive");
        let line = io.lines().find(|line| line.starts_with("write_bytes:")).expect("key is there");
        line.split_whitespace().nth(1).and_then(|bytes| bytes.parse().ok()).expect("a number")
    }
}
