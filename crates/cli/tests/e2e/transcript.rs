//! `transcript`: the bytes that went in.

use crate::program::{SESSION, SESSION_RUN, Sandbox};

#[test]
fn a_session_comes_back_byte_for_byte() {
    let sandbox = Sandbox::with_session();
    let original = std::fs::read(SESSION).unwrap();
    assert!(sandbox.run(["transcript", SESSION_RUN]).expect(0).stdout == original);
}

#[test]
fn bad_bytes_blank_lines_and_a_missing_last_line_break_come_back_too() {
    let sandbox = Sandbox::new();
    let file = sandbox.path("odd.jsonl");
    let mut bytes = std::fs::read(SESSION).unwrap();
    bytes.extend_from_slice(b"\n\r\n\xff\xfe{{\n{\"type\":\"summary\",\"summary\":\"the end\"}");
    std::fs::write(&file, &bytes).unwrap();
    sandbox.run(["import", "claude-code", file.to_str().unwrap()]).expect(0);
    assert!(sandbox.run(["transcript", SESSION_RUN]).expect(0).stdout == bytes);
}

#[test]
fn a_run_without_a_transcript_is_not_found() {
    let sandbox = Sandbox::with_session();
    sandbox.run(["transcript", "nobody"]).expect_error(1, "nobody");
}
