//! A version's section of a changelog file in the form of keepachangelog.com, version 1.1.0.

use std::fmt::Write as _;

use crate::render::markdown::CodeBlocks;

/// The section of `version`: the lines below its heading `## [1.2.3] - 2026-01-31` (brackets, date and a leading `v` are
/// optional) up to the next heading of that level, with the link definitions from the foot of the file that it uses.
/// `None` when the file has no such section or when it is empty.
pub fn section(text: &str, version: &str) -> Option<String> {
    let code = CodeBlocks::of(text);
    let (mut lines, mut definitions, mut inside, mut offset) = (Vec::new(), Vec::new(), false, 0);
    for line in text.split_inclusive('\n') {
        let start = offset;
        offset += line.len();
        let line = line.trim_end();
        if !code.hold(start) {
            if let Some(heading) = line.strip_prefix("## ").or_else(|| line.strip_prefix("# ")) {
                inside = line.starts_with("## ") && is_heading_of(heading, version);
                continue;
            }
            if let Some(label) = definition(line) {
                definitions.push((label, line));
                continue;
            }
        }
        if inside {
            lines.push(line);
        }
    }
    let mut section = lines.join("\n").trim().to_owned();
    let used: Vec<&str> =
        definitions.iter().filter(|(label, _)| uses(&section, label)).map(|(_, line)| *line).collect();
    if !used.is_empty() {
        let _ = write!(section, "\n\n{}", used.join("\n"));
    }
    (!section.is_empty()).then_some(section)
}

fn is_heading_of(heading: &str, version: &str) -> bool {
    let heading = heading.trim();
    let name = match heading.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, _)) => name,
        None => heading.split_whitespace().next().unwrap_or_default(),
    };
    name.strip_prefix('v').unwrap_or(name) == version
}

/// The label of a link definition, `[label]: address`.
fn definition(line: &str) -> Option<&str> {
    let (label, address) = line.strip_prefix('[')?.split_once("]:")?;
    (!label.is_empty() && !address.trim().is_empty()).then_some(label)
}

fn uses(section: &str, label: &str) -> bool {
    section.to_lowercase().contains(&format!("[{}]", label.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# Changelog\n\n## [Unreleased]\n- later\n\n## [1.10.0] - 2026-02-01\n### Added\n- ten ([#12])\n\n```md\n## 1.9.0\n```\n\n## v1.1.0\n- one one, see [docs]\n\n## 1.1.0-rc1\n\n[Unreleased]: https://x/compare\n[#12]: https://x/12\n[docs]: https://x/docs\n";

    #[test]
    fn a_section_ends_at_the_next_version_and_carries_its_links() {
        assert_eq!(
            section(FILE, "1.10.0").unwrap(),
            "### Added\n- ten ([#12])\n\n```md\n## 1.9.0\n```\n\n[#12]: https://x/12"
        );
        assert_eq!(section(FILE, "1.1.0").unwrap(), "- one one, see [docs]\n\n[docs]: https://x/docs");
    }

    #[test]
    fn a_heading_in_a_code_block_ends_no_section() {
        for block in ["~~~\n## 1.0.0\n~~~", "````md\n```\n## 1.0.0\n````", "```\n``` x\n## 1.0.0\n```"] {
            let file = format!("## 2.0.0\n{block}\n\nlast\n\n## 1.0.0\none\n");
            assert_eq!(section(&file, "2.0.0"), Some(format!("{block}\n\nlast")));
        }
        for no_fence in ["``` a`b", "    ```", "- item\n  ```\n  ends with its item"] {
            let file = format!("## 2.0.0\n{no_fence}\n\n## 1.0.0\none\n");
            assert_eq!(section(&file, "1.0.0").as_deref(), Some("one"), "{no_fence}");
        }
    }

    #[test]
    fn a_version_without_a_section_or_with_an_empty_one_has_none() {
        for version in ["1.9.0", "1.1", "1.1.0-rc1", "1.1.0-rc2", ""] {
            assert_eq!(section(FILE, version), None, "{version}");
        }
    }
}
