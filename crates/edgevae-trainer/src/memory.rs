//! How much memory there is to work with.

/// Bytes that can be used without pushing others out; `None` where the system does not tell.
pub fn available() -> Option<u64> {
    of_meminfo(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

fn of_meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_available_memory_is_read_in_bytes() {
        let text = "MemTotal:       24588836 kB\nMemFree:  1 kB\nMemAvailable:   22671960 kB\n";
        assert_eq!(of_meminfo(text), Some(22_671_960 * 1024));
        assert_eq!(of_meminfo("MemTotal: 1 kB\n"), None);
    }
}
