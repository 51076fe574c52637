//! Whether the exported file agrees with the network, the files written, and how to repeat the run.

use crate::report::Report;
use crate::report::html::{Escaped, pairs, paragraph, section};

pub(super) fn render(report: &Report) -> String {
    let parity = section("parity", "Exported model", &paragraph(&report.parity));
    let commands = Escaped(&report.reproduce.join("\n")).to_string();
    let mut body = format!("<pre><code>{commands}</code></pre>\n");
    if !report.files.is_empty() {
        body += &pairs("Files that this run wrote", &report.files);
    }
    let repeat = section("repeat", "How to repeat it", &body);
    format!("{parity}{repeat}<footer class=\"muted\">{}</footer>\n", Escaped(&report.tool_version))
}
