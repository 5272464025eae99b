//! Commands as a shell calls them.

use std::io::Read as _;
use std::process::{Command, Stdio};

use crate::support::running::BINARY;

#[test]
fn a_command_of_which_nobody_reads_on_ends_without_a_word() {
    let mut command = Command::new(BINARY);
    command.arg("secret").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(141), ""));
}
