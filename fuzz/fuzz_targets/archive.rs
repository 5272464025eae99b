//! Archives that are dropped: bounded, and never outside the folder they are unpacked into.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let folder = std::env::temp_dir().join(format!("quittance-fuzz-archive-{}", std::process::id()));
    let aside = folder.join("aside");
    let _ = std::fs::remove_dir_all(&aside);
    std::fs::create_dir_all(&aside).unwrap();
    let path = folder.join("archive");
    std::fs::write(&path, bytes).unwrap();
    if let Some(Ok(names)) = quittance::watch::unpacked(&path, &aside).unwrap() {
        assert!(names.iter().all(|name| !name.contains(['/', '\\', '\0']) && name != ".."));
        assert_eq!(std::fs::read_dir(&aside).unwrap().count(), names.len());
    }
    // Beside the archive and its folder nothing was written.
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2);
});
