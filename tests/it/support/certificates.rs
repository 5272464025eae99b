//! Certificates of an authority of the test's own, made by openssl.

use std::path::Path;
use std::process::Command;

const OF_CURVE: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

fn openssl(folder: &Path, arguments: &[&[&str]]) {
    let output = Command::new("openssl").current_dir(folder).args(arguments.concat()).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The authority of a folder, in `authority.pem` with its key in `authority.key`.
pub fn authority(folder: &Path) {
    let named = ["-keyout", "authority.key", "-out", "authority.pem", "-subj", "/CN=authority"];
    openssl(folder, &[&["req", "-x509", "-days", "2"], &OF_CURVE, &named]);
}

/// A certificate of the folder's authority for 127.0.0.1, in `name.pem` with its key in `name.key`.
pub fn certificate(folder: &Path, name: &str) {
    let (key, request, signed) = (format!("{name}.key"), format!("{name}.csr"), format!("{name}.pem"));
    let subject = format!("/CN={name}");
    openssl(folder, &[&["req"], &OF_CURVE, &["-keyout", &key, "-out", &request, "-subj", &subject]]);
    std::fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    let by = ["-CA", "authority.pem", "-CAkey", "authority.key", "-CAcreateserial", "-days", "2"];
    openssl(folder, &[&["x509", "-req", "-in", &request, "-extfile", "names", "-out", &signed], &by]);
}
