use super::*;

fn access() -> Access {
    Access { environment: "test".to_owned(), ..Access::default() }
}

fn written(folder: &Path) -> PathBuf {
    let path = folder.join("journal.ndjson");
    let journal = Journal::create(&path, RunId::from("gd-1"), access(), Timestamp::UNIX_EPOCH).unwrap();
    let swap = Action::Swap(crate::faults::changes::network_acl::Swap {
        vpc: "vpc-1".into(),
        subnet: "subnet-1".into(),
        original: "acl-1".into(),
        clone: "0/acl-1".into(),
    });
    let ids = journal.intend(&[&(Region::from("us-east-1"), swap)]).unwrap();
    journal.inner.append(vec![Entry::Outcome { id: ids[0], result: Ok(Applied::default()) }]).unwrap();
    path
}

#[test]
fn every_truncation_of_the_last_record_is_recognised_and_can_be_written_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path());
    let whole = std::fs::read(&path).unwrap();
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for length in last + 1..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        let contents = read(&path).unwrap();
        assert!(contents.torn && contents.actions[0].applied.is_none(), "cut at byte {length}");
        let (journal, _) = Journal::reopen(&path).unwrap();
        journal.close().unwrap();
        let contents = read(&path).unwrap();
        assert!(contents.closed && !contents.torn);
    }
}

#[test]
fn a_changed_line_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path());
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("subnet-1", "subnet-2")).unwrap();
    assert!(matches!(read(&path), Err(JournalError::Damaged { line: 2, .. })));
}

#[test]
fn what_a_full_disk_left_of_a_line_does_not_run_into_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path());
    let (journal, _) = Journal::reopen(&path).unwrap();
    OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"seq\":3,\"entry").unwrap();
    assert!(read(&path).unwrap().torn, "a restore can read it as it is");
    journal.close().unwrap();
    let contents = read(&path).unwrap();
    assert!(contents.closed && !contents.torn && contents.actions.len() == 1);
}
