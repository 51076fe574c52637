//! How much memory there is to work with.

/// Bytes that can be used without pushing others out, of the machine or of the container that this runs in; `None` where
/// the system does not tell.
pub fn available() -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let machine = read("/proc/meminfo").and_then(|text| of_meminfo(&text));
    let group = |name: &str| read(&format!("/sys/fs/cgroup/memory.{name}"));
    let container = group("max").zip(group("current")).and_then(|(most, used)| of_group(&most, &used));
    machine.into_iter().chain(container).min()
}

/// What a control group leaves; `None` where it sets no limit.
fn of_group(most: &str, used: &str) -> Option<u64> {
    let [most, used]: [u64; 2] = [most.trim().parse().ok()?, used.trim().parse().ok()?];
    Some(most.saturating_sub(used))
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
        assert_eq!(of_group("1000\n", "400\n"), Some(600));
        assert_eq!(of_group("max\n", "400\n"), None);
    }
}
