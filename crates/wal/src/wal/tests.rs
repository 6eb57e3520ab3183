//! What a handle promises, on a real disk.

use std::time::{Duration, Instant};

use super::*;
use crate::options::{Options, ReaderOptions};
use crate::testing::{append, kill, open_in, payload, payloads, place, small};
use crate::{Background, DurableWait, RECORD_BYTES_MAX, ReadError};

#[test]
fn what_was_appended_is_read_back_in_order_across_segments_and_reopenings() {
    let (_directory, path) = place();
    let mut expected = Vec::new();
    for round in 0..4 {
        let (wal, report) = open_in(&path);
        assert_eq!(report.created, round == 0);
        assert!(report.clean);
        assert_eq!(report.next_seq.get(), expected.len() as u64);
        for _ in 0..60 {
            let bytes = payload(expected.len() as u64);
            let receipt = wal.append(&bytes, Durability::Durable).unwrap();
            assert_eq!(receipt.seq.get(), expected.len() as u64);
            expected.push(bytes);
        }
        assert_eq!(payloads(&wal.reader()), expected);
        wal.close().unwrap();
        let reader = Reader::open(&path, ReaderOptions::new()).unwrap();
        assert_eq!(payloads(&reader), expected);
    }
    let (_wal, report) = open_in(&path);
    assert!(report.segments >= 4, "{report:?}");
}

#[test]
fn after_a_kill_everything_acknowledged_is_there_and_appending_goes_on() {
    let (_directory, path) = place();
    let mut expected = Vec::new();
    for _ in 0..5 {
        let (wal, report) = open_in(&path);
        assert_eq!(report.next_seq.get(), expected.len() as u64);
        assert_eq!((report.torn_tail_bytes, report.ambiguous), (0, false));
        assert_eq!(payloads(&wal.reader()), expected);
        for _ in 0..30 {
            let bytes = payload(expected.len() as u64);
            wal.append(&bytes, Durability::Durable).unwrap();
            expected.push(bytes);
        }
        kill(wal);
    }
}

#[test]
fn a_wrong_path_never_becomes_an_empty_ledger() {
    let (directory, path) = place();
    assert!(matches!(Wal::open(&path, Options::new()), Err(OpenError::NotALedger { .. })));
    assert!(!path.exists());
    std::fs::write(directory.path().join("notes.txt"), b"mine").unwrap();
    let opened = Wal::open(directory.path(), small());
    assert!(matches!(opened, Err(OpenError::ForeignDirectory { .. })), "{opened:?}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_second_writer_is_refused_and_told_who_holds_the_log() {
    let (_directory, path) = place();
    let (wal, _) = open_in(&path);
    match Wal::open(&path, small()) {
        Err(OpenError::Locked { pid, since, .. }) => {
            assert_eq!(pid, Some(std::process::id()));
            assert!(since.is_some());
        }
        other => panic!("{other:?}"),
    }
    wal.close().unwrap();
    assert!(Wal::open(&path, small()).is_ok());
}

#[test]
fn a_closed_log_refuses_and_its_reader_goes_on_reading() {
    let (_directory, path) = place();
    let (wal, _) = open_in(&path);
    let (clone, reader) = (wal.clone(), wal.reader());
    wal.append(b"kept", Durability::Durable).unwrap();
    wal.close().unwrap();
    assert!(matches!(clone.append(b"late", Durability::Durable), Err(AppendError::Closed)));
    assert_eq!(payloads(&reader), [b"kept"]);
    assert_eq!(reader.wait_durable_past(Seq::new(1), None).unwrap(), DurableWait::Closed(Seq::new(1)));
}

#[test]
fn closing_makes_durable_what_nobody_waited_for() {
    let (_directory, path) = place();
    let options = small().sync_delay_max(Duration::from_secs(3600));
    let (wal, _) = Wal::open(&path, options).unwrap();
    for number in 0..10 {
        wal.append(&payload(number), Durability::Buffered).unwrap();
    }
    drop(wal.submit(&payload(10), Durability::Buffered).unwrap());
    assert_eq!(wal.durable_end(), Seq::ZERO);
    wal.close().unwrap();
    let reader = Reader::open(&path, ReaderOptions::new()).unwrap();
    assert_eq!(payloads(&reader), (0..11).map(payload).collect::<Vec<_>>());
}

#[test]
fn dropping_the_last_handle_closes_in_good_order() {
    let (_directory, path) = place();
    let (wal, _) = open_in(&path);
    wal.append(b"one", Durability::Buffered).unwrap();
    drop(wal);
    let (_, report) = open_in(&path);
    assert!(report.clean);
    assert_eq!(report.next_seq, Seq::new(1));
}

#[test]
fn what_nobody_waits_for_becomes_durable_within_the_bound() {
    let (_directory, path) = place();
    let (wal, _) = Wal::open(&path, small().sync_delay_max(Duration::from_millis(5))).unwrap();
    for durability in [Durability::Buffered, Durability::Written, Durability::Durable] {
        let ticket = wal.submit(b"unwatched", durability).unwrap();
        // No deadline: the test hangs, and is ended by its runner, if nobody leads.
        assert!(matches!(wal.wait_durable_past(ticket.seq(), None), DurableWait::Durable(_)));
    }
    let receipt = wal.append(b"written", Durability::Written).unwrap();
    assert!(matches!(wal.wait_durable_past(receipt.seq, None), DurableWait::Durable(_)));
}

#[test]
fn without_threads_the_caller_does_what_they_would() {
    let (_directory, path) = place();
    let (wal, _) = Wal::open(&path, small().background(Background::Caller)).unwrap();
    (0..40).for_each(|number| append(&wal, number));
    wal.append(&payload(40), Durability::Buffered).unwrap();
    assert_eq!((wal.durable_end(), wal.counters().sealed), (Seq::new(40), 0));
    while wal.tend() {}
    assert_eq!((wal.durable_end(), wal.counters().sealed), (Seq::new(41), 1));
    assert!(path.join("spare.wal").exists() && !wal.tend());
    wal.append(&payload(41), Durability::Buffered).unwrap();
    drop(wal);
    let (wal, report) = open_in(&path);
    assert!(report.clean);
    assert_eq!(payloads(&wal.reader()).len(), 42);
}

#[test]
fn what_is_not_durable_is_not_shown() {
    let (_directory, path) = place();
    let (wal, _) = Wal::open(&path, small().sync_delay_max(Duration::from_secs(3600))).unwrap();
    wal.append(b"durable", Durability::Durable).unwrap();
    wal.append(b"written", Durability::Written).unwrap();
    let other = Reader::open(&path, ReaderOptions::new()).unwrap();
    for reader in [wal.reader(), other] {
        assert_eq!(reader.read(Seq::new(1)).unwrap().map(|record| record.seq()), None);
        assert_eq!(payloads(&reader), [b"durable"]);
    }
    assert_eq!(wal.sync().unwrap(), Seq::new(2));
    assert_eq!(payloads(&wal.reader()), [b"durable", b"written"]);
}

#[test]
fn one_thread_can_have_many_tickets_and_they_share_syncs() {
    let (_directory, path) = place();
    let (wal, _) = open_in(&path);
    let tickets: Vec<_> =
        (0..500).map(|number| wal.submit(&payload(number), Durability::Durable).unwrap()).collect();
    for (number, ticket) in tickets.into_iter().enumerate() {
        assert_eq!(ticket.seq().get(), number as u64);
        assert_eq!(ticket.wait().unwrap().durability, Durability::Durable);
    }
    assert_eq!(payloads(&wal.reader()), (0..500).map(payload).collect::<Vec<_>>());
    let counters = wal.counters();
    assert_eq!(counters.records, 500);
    assert!(counters.syncs < 250, "{counters:?}");
}

#[test]
fn many_threads_get_dense_numbers_and_share_syncs() {
    const THREADS: u64 = 8;
    const EACH: u64 = 50;
    let (_directory, path) = place();
    let (wal, _) = Wal::open(&path, small().segment_bytes(64 << 10)).unwrap();
    let mut placed: Vec<(u64, Vec<u8>)> = std::thread::scope(|scope| {
        let append = |thread: u64| {
            let wal = wal.clone();
            move || {
                let one = |number: u64| {
                    let bytes = payload(thread * EACH + number);
                    (wal.append(&bytes, Durability::Durable).unwrap().seq.get(), bytes)
                };
                (0..EACH).map(one).collect::<Vec<_>>()
            }
        };
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(append(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    placed.sort();
    assert!(placed.iter().map(|(seq, _)| *seq).eq(0..THREADS * EACH));
    let expected: Vec<_> = placed.into_iter().map(|(_, bytes)| bytes).collect();
    assert_eq!(payloads(&wal.reader()), expected);
    let counters = wal.counters();
    assert!(counters.syncs < counters.records, "{counters:?}");
}

#[test]
fn a_batch_is_one_commit_however_large() {
    let (_directory, path) = place();
    let (wal, _) = open_in(&path);
    wal.append(b"before", Durability::Durable).unwrap();
    let commits = wal.counters().commits;
    let batch: Vec<_> = (0..1000).map(payload).collect();
    let receipt = wal.append_batch(&batch, Durability::Durable).unwrap();
    assert_eq!((receipt.first_seq, receipt.leaves.len()), (Seq::new(1), 1000));
    assert_eq!(wal.counters().commits, commits + 1);
    assert_eq!(payloads(&wal.reader())[1..], batch);
    let times: std::collections::BTreeSet<_> =
        wal.reader().scan(Seq::new(1)).map(|record| record.unwrap().commit_time()).collect();
    assert_eq!(times.len(), 1);
}

#[test]
fn an_empty_batch_and_an_empty_payload_are_fine() {
    let (_directory, path) = place();
    let (wal, _) = open_in(&path);
    assert_eq!(wal.append_batch::<&[u8]>(&[], Durability::Durable).unwrap().first_seq, Seq::ZERO);
    wal.append(b"", Durability::Durable).unwrap();
    assert_eq!(payloads(&wal.reader()), [b""]);
}

#[test]
fn the_longest_record_fits_and_a_longer_one_is_refused_before_anything_is_written() {
    let (_directory, path) = place();
    let (wal, _) = open_in(&path);
    let limit = usize::try_from(RECORD_BYTES_MAX).unwrap();
    let mut bytes = vec![0xa5; limit + 1];
    assert!(matches!(wal.append(&bytes, Durability::Durable), Err(AppendError::TooLarge { .. })));
    assert_eq!((wal.placed_end(), wal.counters().bytes), (Seq::ZERO, 0));
    bytes.pop();
    wal.append(&bytes, Durability::Durable).unwrap();
    wal.append(b"after", Durability::Durable).unwrap();
    assert_eq!(payloads(&wal.reader()), [bytes, b"after".to_vec()]);
}

#[test]
fn a_full_queue_makes_callers_wait_and_loses_nothing() {
    let (_directory, path) = place();
    let options = small().segment_bytes(1 << 20).commit_queue_bytes_max(17 << 20);
    let (wal, _) = Wal::open(&path, options).unwrap();
    let bytes = vec![7; 6 << 20];
    let tickets: Vec<_> = (0..12).map(|_| wal.submit(&bytes, Durability::Durable).unwrap()).collect();
    assert!(tickets.into_iter().all(|ticket| ticket.wait().is_ok()));
    assert_eq!(
        wal.reader().scan(Seq::ZERO).map(|record| record.unwrap().payload().len()).sum::<usize>(),
        72 << 20
    );
}

#[test]
fn commits_can_be_aligned_and_the_padding_between_them_is_part_of_the_log() {
    let (_directory, path) = place();
    let (wal, _) = Wal::open(&path, small().commit_alignment_bytes(512)).unwrap();
    for number in 0..40 {
        wal.append(&payload(number), Durability::Durable).unwrap();
    }
    kill(wal);
    let (wal, _) = open_in(&path);
    assert_eq!(payloads(&wal.reader()), (0..40).map(payload).collect::<Vec<_>>());
}

#[test]
fn a_reader_follows_a_writer_through_rotations() {
    let (_directory, path) = place();
    let (wal, _) = open_in(&path);
    let reader = Reader::open(&path, ReaderOptions::new()).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| (0..200).for_each(|number| append(&wal, number)));
        for number in 0..200 {
            let waited = reader.wait_durable_past(Seq::new(number), None).unwrap();
            assert!(matches!(waited, DurableWait::Durable(end) if end > Seq::new(number)));
            let record = reader.read(Seq::new(number)).unwrap().unwrap();
            assert_eq!(record.payload(), payload(number));
        }
    });
    let before = Instant::now();
    let waited = reader.wait_durable_past(Seq::new(200), Some(before + Duration::from_millis(10)));
    assert_eq!(waited.unwrap(), DurableWait::TimedOut(Seq::new(200)));
}

#[test]
fn another_leaf_function_is_refused() {
    struct Other;
    impl crate::LeafFunction for Other {
        fn id(&self) -> u32 {
            9
        }
        fn leaf(&self, _: &[u8]) -> Leaf {
            Leaf::from_bytes([0; 32])
        }
    }
    let (_directory, path) = place();
    let (wal, _) = open_in(&path);
    wal.append(b"one", Durability::Durable).unwrap();
    wal.close().unwrap();
    let opened = Wal::open(&path, small().leaf_function(Arc::new(Other)));
    assert!(matches!(opened, Err(OpenError::OtherLeafFunction { found: 0, given: 9 })), "{opened:?}");
}

#[test]
fn a_missing_segment_is_named_when_its_records_are_read() {
    let (_directory, path) = place();
    let (wal, _) = open_in(&path);
    for number in 0..150 {
        append(&wal, number);
    }
    wal.close().unwrap();
    let segments = crate::directory::Inventory::take(&crate::DiskStorage, &path).unwrap().unwrap().segments;
    let (second, third) = (segments[1], segments[2]);
    std::fs::remove_file(path.join(crate::segment::name::segment_name(second))).unwrap();
    let reader = Reader::open(&path, ReaderOptions::new()).unwrap();
    match reader.read(second.next()) {
        Err(ReadError::Damaged(damage)) => {
            assert_eq!(
                (damage.seq_from, damage.seq_to, damage.problem),
                (second, third, crate::Problem::Missing)
            );
        }
        other => panic!("{other:?}"),
    }
    let read = reader.scan(Seq::ZERO).filter_map(Result::ok).count() as u64;
    assert_eq!(read, 150 - third.since(second));
}

/// Two of them fill the queue of [`short_queue`].
fn half_of_a_queue() -> Vec<u8> {
    vec![7; 220 << 10]
}

fn short_queue() -> Options {
    let hour = Duration::from_secs(3600);
    small().segment_bytes(1 << 20).commit_queue_bytes_max(448 << 10).sync_delay_max(hour)
}

#[test]
fn who_does_not_want_to_wait_for_room_is_told_at_once_and_nothing_is_written() {
    let (_directory, path) = place();
    let (wal, _) = Wal::open(&path, short_queue().background(Background::Caller)).unwrap();
    let half = half_of_a_queue();
    wal.try_append(&half, Durability::Buffered).unwrap();
    let waited_for = wal.try_submit(&half, Durability::Durable).unwrap();
    for durability in [Durability::Buffered, Durability::Written, Durability::Durable] {
        let refused = [
            wal.try_append(&half, durability).map(|_| ()),
            wal.try_append_prepared(&wal.prepare(&half).unwrap(), durability).map(|_| ()),
            wal.try_submit(&half, durability).map(|_| ()),
            wal.try_submit_prepared(&wal.prepare(&half).unwrap(), durability).map(|_| ()),
        ];
        for refused in refused {
            assert!(matches!(refused, Err(AppendError::QueueFull { bytes_max: 0x7_0000 })), "{refused:?}");
        }
    }
    assert_eq!((wal.placed_end(), wal.durable_end()), (Seq::new(2), Seq::ZERO));
    assert_eq!(waited_for.wait().unwrap().seq, Seq::new(1));
    assert_eq!(wal.try_append(b"third", Durability::Durable).unwrap().seq, Seq::new(2));
    assert_eq!(payloads(&wal.reader()), [half.clone(), half, b"third".to_vec()]);
    let other = wal.clone();
    wal.close().unwrap();
    assert!(matches!(other.try_append(b"late", Durability::Durable), Err(AppendError::Closed)));
}

#[test]
fn a_full_queue_that_nobody_waits_for_is_emptied_for_those_who_were_refused() {
    let (_directory, path) = place();
    let (wal, _) = Wal::open(&path, short_queue()).unwrap();
    let half = half_of_a_queue();
    for _ in 0..2 {
        wal.try_append(&half, Durability::Buffered).unwrap();
    }
    assert!(wal.try_append(&half, Durability::Buffered).is_err_and(|error| error.is_queue_full()));
    // Long before the time within which it would have become durable by itself.
    assert_eq!(wal.wait_durable_past(Seq::new(1), None), DurableWait::Durable(Seq::new(2)));
    wal.try_append(&half, Durability::Buffered).unwrap();
}

#[test]
fn a_stream_that_nobody_waits_for_is_written_long_before_it_must_be_durable() {
    let (_directory, path) = place();
    let hour = Duration::from_secs(3600);
    let (wal, _) = Wal::open(&path, small().segment_bytes(64 << 20).sync_delay_max(hour)).unwrap();
    let long = vec![7; 300 << 10];
    // The first commit of a segment is synced with it; the others need not be.
    let mut before = wal.counters();
    let was_only_written = (0..1000).any(|_| {
        wal.append(&long, Durability::Buffered).unwrap();
        let now = wal.counters();
        let only_written = now.commits > before.commits && now.syncs == before.syncs;
        before = now;
        only_written
    });
    assert!(was_only_written, "{:?}", wal.counters());
    let end = wal.placed_end();
    assert_eq!(wal.sync().unwrap(), end);
}

#[test]
fn batches_under_way_become_durable_in_order_and_whole() {
    let (_directory, path) = place();
    let (wal, _) = Wal::open(&path, small().segment_bytes(1 << 20)).unwrap();
    let batches: Vec<Vec<Vec<u8>>> =
        (0..20).map(|batch| (0..batch * 20).map(|number| payload(batch * 1000 + number)).collect()).collect();
    let mut first_seq = 0;
    let mut under_way = Vec::new();
    for batch in &batches {
        let ticket = wal.submit_batch(batch, Durability::Durable).unwrap();
        assert_eq!(ticket.first_seq(), Seq::new(first_seq));
        first_seq += batch.len() as u64;
        under_way.push((ticket, batch.len()));
    }
    for (ticket, length) in under_way {
        let receipt = ticket.wait().unwrap();
        assert_eq!((receipt.leaves.len(), receipt.durability), (length, Durability::Durable));
        assert!(wal.durable_end() >= receipt.first_seq.plus(length as u64));
    }
    assert_eq!(payloads(&wal.reader()), batches.concat());
}

#[test]
fn a_large_batch_that_nobody_waits_for_yet_is_written_at_once() {
    let (_directory, path) = place();
    let (wal, _) = Wal::open(&path, small().segment_bytes(1 << 20)).unwrap();
    let ticket = wal.submit_batch(&[vec![1; 100 << 10]], Durability::Durable).unwrap();
    // Without the ticket, and although no append leads.
    assert_eq!(wal.wait_durable_past(Seq::ZERO, None), DurableWait::Durable(Seq::new(1)));
    assert_eq!(ticket.wait().unwrap().first_seq, Seq::ZERO);
}

#[test]
fn a_stream_that_nobody_waits_for_is_synced_before_it_piles_up() {
    let (_directory, path) = place();
    let hour = Duration::from_secs(3600);
    let (wal, _) = Wal::open(&path, small().segment_bytes(64 << 20).sync_delay_max(hour)).unwrap();
    // Batches that fill segments, so that the log comes to one that is large, and a record that is durable in it.
    for _ in 0..3 {
        wal.append_batch(&vec![vec![7; 8 << 20]; 5], Durability::Durable).unwrap();
    }
    let receipt = wal.append(b"starts it", Durability::Durable).unwrap();
    for _ in 0..40 {
        wal.append(&vec![7; 300 << 10], Durability::Buffered).unwrap();
    }
    // Twelve megabytes, in one segment: nothing but their number makes the first eight durable within the hour.
    let far = receipt.seq.plus(20);
    let in_time = wal.wait_durable_past(far, Some(Instant::now() + Duration::from_secs(60)));
    assert!(matches!(in_time, DurableWait::Durable(_)), "{in_time:?}");
}
