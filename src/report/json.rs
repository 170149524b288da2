//! JSON: the whole report as one object, or a finding a line and a summary line.

use super::Report;
use std::io::{self, Write};

/// One object.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, report)?;
    out.write_all(b"\n")
}

/// One finding a line, in final order; the last line tells the scan.
pub(super) fn write_lines(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for finding in &report.findings {
        serde_json::to_writer(&mut *out, finding)?;
        out.write_all(b"\n")?;
    }
    let summary = serde_json::json!({
        "schema_version": report.schema_version,
        "tool": report.tool,
        "scan": report.scan,
        "findings_total": report.findings.len(),
    });
    serde_json::to_writer(&mut *out, &summary)?;
    out.write_all(b"\n")
}
