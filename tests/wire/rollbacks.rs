//! `gameday rollback` where nothing can be written: it restores first, and says that it could not record it.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::process::Command;

use super::place::{Place, Said};
use crate::run::{NOBODY, unprivileged};
use crate::support::gameday;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_folder_cannot_be_written_is_restored_all_the_same() {
    let place = Place::in_lab().await;
    let rehearsal = place.rehearsal().await;
    rehearsal.inject().await.unwrap();
    rehearsal.let_go();
    let at = rehearsal.folder.parent().unwrap();
    let root = std::fs::metadata(at).unwrap().uid() == 0;
    // A copy, since the repository may be where nobody else may look.
    let program = at.join("gameday");
    std::fs::copy(env!("CARGO_BIN_EXE_gameday"), &program).unwrap();
    for (path, mode) in
        [(&program, 0o555), (&rehearsal.folder, 0o555), (&rehearsal.folder.join("journal.ndjson"), 0o444)]
    {
        set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
    set_permissions(at, Permissions::from_mode(0o755)).unwrap();
    if root {
        chown(at.join("secrets.toml"), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let mut command = unprivileged(&program, root);
    command.arg("rollback").arg(&rehearsal.folder).current_dir("/").env("GAMEDAY_STATE_DIR", "/proc/nowhere");
    let said = Said::of(tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap());
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.contains("cannot be recorded") && said.err.contains("could not be closed"), "{said:?}");
    rehearsal.is_back("a folder that cannot be written").await;
    set_permissions(&rehearsal.folder, Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_on_a_full_disk_is_restored_all_the_same() {
    let place = Place::in_lab().await;
    let rehearsal = place.rehearsal().await;
    rehearsal.inject().await.unwrap();
    rehearsal.let_go();
    let of = gameday();
    let mut command = Command::new("bash");
    // What a full disk does to write(2), but only to this process.
    command.args(["-c", "trap '' XFSZ; exec prlimit --fsize=0 -- \"$@\"", "bash"]).arg(of.get_program());
    command.arg("rollback").arg(&rehearsal.folder).env("GAMEDAY_STATE_DIR", crate::support::state_dir());
    let said = Said::of(tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap());
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.contains("could not be closed"), "{said:?}");
    rehearsal.is_back("a full disk").await;
}
