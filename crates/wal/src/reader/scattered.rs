//! Reading many records that lie here and there, by their numbers.
//!
//! INVARIANT: each is as good as one that is read by itself, and where one can't be read the error is the same: what isn't
//! found at the first look is left to [`Reader::read`]'s way.

use crate::error::ReadError;
use crate::reader::Reader;
use crate::reader::cache::Look;
use crate::record::Record;
use crate::seq::Seq;

impl Reader {
    /// The records of these numbers, in their order, up to the first that isn't durable (yet). It is faster than to
    /// [read](Reader::read) one after the other, the more so the nearer neighbours are.
    ///
    /// ```
    /// use runledger_wal::{Durability, Options, Seq, Wal};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// let (wal, _) = Wal::open(&directory.path().join("wal"), Options::new().create(true))?;
    /// wal.append_batch(&[b"first", b"other", b"third"], Durability::Durable)?;
    ///
    /// let records = wal.reader().read_many(&[Seq::new(2), Seq::new(0), Seq::new(3)])?;
    /// assert!(records.iter().map(|record| record.payload()).eq([b"third", b"first"]));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// See [`ReadError`]; those of the first record that can't be read.
    pub fn read_many(&self, seqs: &[Seq]) -> Result<Vec<Record>, ReadError> {
        let mut records = Vec::with_capacity(seqs.len());
        let Some(last) = seqs.iter().max() else { return Ok(records) };
        let end = self.end_for(*last)?;
        while let Some(rest) = seqs.get(records.len()..)
            && let Some(&seq) = rest.first()
            && seq < end
        {
            let before = records.len();
            // Trouble with it is met again, and told, by who reads the record by itself.
            if let Ok(segment) = self.inner.cache.segment(&self.inner, seq, end) {
                let durable = rest.iter().take_while(|seq| **seq < end).count();
                segment.read_many(rest.get(..durable).unwrap_or_default(), &mut records);
            }
            if records.len() == before {
                records.push(self.read_durable(seq, end, Look::NEVER)?);
            }
        }
        Ok(records)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{append, kill, place};
    use crate::{Durability, Options, Reader, ReaderOptions, Seq, Wal};

    /// A log of several sealed segments and one that grows, and how many records it has.
    fn several_segments(path: &std::path::Path) -> u64 {
        let (wal, _) = Wal::open(path, Options::new().create(true).segment_bytes(8 << 10)).unwrap();
        let mut records = 0;
        while wal.counters().sealed < 3 {
            append(&wal, records);
            wal.append_batch(&[[1; 50], [2; 50]], Durability::Durable).unwrap();
            records += 3;
        }
        kill(wal);
        records
    }

    fn seqs(numbers: impl Iterator<Item = u64>) -> Vec<Seq> {
        numbers.map(Seq::new).collect()
    }

    #[test]
    fn many_records_are_those_that_are_read_one_by_one_in_whatever_order_they_are_asked_for() {
        let (_directory, path) = place();
        let records = several_segments(&path);
        let reader = Reader::open(&path, ReaderOptions::new()).unwrap();
        let orders = [
            seqs(0..records),
            seqs((0..records).rev()),
            seqs((0..records).map(|number| number * 37 % records)),
            seqs([5, 5, 0, records - 1, 5].into_iter()),
        ];
        for order in orders {
            let many = reader.read_many(&order).unwrap();
            assert_eq!(many.len(), order.len());
            for (seq, record) in order.iter().zip(many) {
                let one = reader.read(*seq).unwrap().unwrap();
                let seen = (record.seq(), record.leaf(), record.commit_time(), record.payload());
                assert_eq!(seen, (*seq, one.leaf(), one.commit_time(), one.payload()));
            }
        }
        assert!(reader.read_many(&[]).unwrap().is_empty());
    }

    #[test]
    fn many_records_end_in_front_of_the_first_that_is_not_durable() {
        let (_directory, path) = place();
        let records = several_segments(&path);
        let reader = Reader::open(&path, ReaderOptions::new()).unwrap();
        let many = reader.read_many(&[Seq::new(1), Seq::new(records), Seq::new(0)]).unwrap();
        assert_eq!(many.iter().map(crate::Record::seq).collect::<Vec<_>>(), [Seq::new(1)]);
    }

    #[test]
    fn among_many_records_a_damaged_one_is_the_error_that_it_is_by_itself() {
        let (_directory, path) = place();
        let records = several_segments(&path);
        for (file, bytes) in crate::testing::contents(&path) {
            if !file.file_name().unwrap().to_string_lossy().starts_with('0') {
                continue;
            }
            let mut flipped = bytes.clone();
            flipped[4096 + 64 + 42] ^= 1;
            std::fs::write(&file, flipped).unwrap();
            let reader = Reader::open(&path, ReaderOptions::new()).unwrap();
            let one_by_one: Vec<_> = (0..records).map(|seq| reader.read(Seq::new(seq)).err()).collect();
            let first = one_by_one.into_iter().flatten().next().expect("one of them is damaged");
            let many = reader.read_many(&seqs(0..records)).unwrap_err();
            assert_eq!(many.to_string(), first.to_string());
            std::fs::write(&file, bytes).unwrap();
        }
    }
}
