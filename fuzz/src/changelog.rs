//! Keep-a-Changelog files. Input: the file; a version stands on its first line.

use domain::changelog::section;

/// A section is made of lines of the file and ends where it should; the line ends of the file do not matter, and neither
/// does what other sections say.
pub fn target(data: &[u8]) {
    let text = String::from_utf8_lossy(data).replace('\r', "");
    let (version, file) = text.split_once('\n').unwrap_or((&text, ""));
    let found = section(file, version);
    assert_eq!(section(&file.replace('\n', "\r\n"), version), found, "with other line ends");
    if let Some(found) = &found {
        assert!(!found.is_empty() && found.trim() == found, "{found:?}");
        for line in found.lines().filter(|line| !line.is_empty()) {
            assert!(file.lines().any(|there| there.trim() == line.trim()), "{line:?} is not in the file");
        }
    }
    let body: Vec<&str> = file.lines().collect();
    for fence in ["```", "~~~", "````"] {
        let quoted: Vec<&str> = body.iter().copied().filter(|line| !line.trim().starts_with(fence)).collect();
        let quoted =
            format!("{fence}\n{}\n{fence}", quoted.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n"));
        let file =
            format!("# Changelog\n\n## [2.0.0]\n- two\n\n## [1.0.0] - 2026-01-31\n{quoted}\n\n## [0.1.0]\n- old\n");
        assert_eq!(section(&file, "1.0.0").as_ref(), Some(&quoted), "what is quoted is no heading");
        assert_eq!(section(&file, "0.1.0").as_deref(), Some("- old"), "a quotation ends");
    }
}
