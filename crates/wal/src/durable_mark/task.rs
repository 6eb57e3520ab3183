//! A task that waits for the log's durable end. It leaves its waker there, and takes it away when it is dropped.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::{DurableMark, DurableWait, WaitingTask};
use crate::seq::Seq;

/// Completes when a record is durable, or never will be. It needs no particular runtime.
#[derive(Debug)]
pub(crate) struct DurablePast {
    mark: Arc<DurableMark>,
    seq: Seq,
    /// Its number among the tasks that wait, once it does.
    number: Option<u64>,
}

impl DurablePast {
    pub(crate) fn new(mark: Arc<DurableMark>, seq: Seq) -> DurablePast {
        DurablePast { mark, seq, number: None }
    }
}

impl Future for DurablePast {
    type Output = DurableWait;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<DurableWait> {
        let (mark, seq) = (Arc::clone(&self.mark), self.seq);
        let mut state = mark.state.lock();
        if state.end > seq {
            return Poll::Ready(DurableWait::Durable(state.end));
        }
        if state.final_end {
            return Poll::Ready(DurableWait::Closed(state.end));
        }
        let number = self.number.unwrap_or(state.last_task + 1);
        match state.tasks.iter_mut().find(|task| task.number == number) {
            Some(task) => task.waker.clone_from(context.waker()),
            None => state.tasks.push(WaitingTask { number, seq, waker: context.waker().clone() }),
        }
        state.last_task = state.last_task.max(number);
        self.number = Some(number);
        Poll::Pending
    }
}

impl Drop for DurablePast {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.mark.state.lock().tasks.retain(|task| task.number != number);
        }
    }
}

#[cfg(all(test, not(feature = "shuttle")))]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering as StdOrdering};
    use std::task::{Wake, Waker};

    use super::*;

    /// Counts how often it is woken.
    #[derive(Default)]
    struct Counting(AtomicUsize);

    impl Wake for Counting {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, StdOrdering::SeqCst);
        }
    }

    impl Counting {
        fn poll(self: &Arc<Self>, future: &mut DurablePast) -> Poll<DurableWait> {
            let waker = Waker::from(Arc::clone(self));
            Pin::new(future).poll(&mut Context::from_waker(&waker))
        }

        fn count(&self) -> usize {
            self.0.load(StdOrdering::SeqCst)
        }
    }

    fn waiting(mark: &Arc<DurableMark>, seq: u64) -> DurablePast {
        DurablePast::new(Arc::clone(mark), Seq::new(seq))
    }

    #[test]
    fn a_task_is_woken_once_its_record_is_durable_and_not_before() {
        let mark = Arc::new(DurableMark::new(Seq::new(0)));
        let (woken, mut near, mut far) = (Arc::<Counting>::default(), waiting(&mark, 0), waiting(&mark, 5));
        assert!(woken.poll(&mut near).is_pending() && woken.poll(&mut far).is_pending());
        assert!(woken.poll(&mut near).is_pending(), "asked again, it waits once");
        mark.advance(Seq::new(5)).wake();
        assert_eq!(woken.count(), 1);
        assert_eq!(woken.poll(&mut near), Poll::Ready(DurableWait::Durable(Seq::new(5))));
        assert!(woken.poll(&mut far).is_pending(), "the first five are durable, not the sixth");
        mark.advance(Seq::new(6)).wake();
        assert_eq!(woken.count(), 2);
        assert_eq!(woken.poll(&mut far), Poll::Ready(DurableWait::Durable(Seq::new(6))));
    }

    #[test]
    fn a_task_that_moved_is_woken_where_it_waited_last() {
        let mark = Arc::new(DurableMark::new(Seq::new(0)));
        let (before, now, mut future) =
            (Arc::<Counting>::default(), Arc::<Counting>::default(), waiting(&mark, 0));
        assert!(before.poll(&mut future).is_pending() && now.poll(&mut future).is_pending());
        mark.advance(Seq::new(1)).wake();
        assert_eq!((before.count(), now.count()), (0, 1));
    }

    #[test]
    fn the_end_of_the_log_ends_each_wait_and_a_dropped_one_leaves_nothing_behind() {
        let mark = Arc::new(DurableMark::new(Seq::new(3)));
        let (woken, mut kept, mut dropped) =
            (Arc::<Counting>::default(), waiting(&mark, 3), waiting(&mark, 4));
        assert!(woken.poll(&mut kept).is_pending() && woken.poll(&mut dropped).is_pending());
        drop(dropped);
        mark.finish();
        assert_eq!(woken.count(), 1);
        assert_eq!(woken.poll(&mut kept), Poll::Ready(DurableWait::Closed(Seq::new(3))));
        assert_eq!(woken.poll(&mut waiting(&mark, 9)), Poll::Ready(DurableWait::Closed(Seq::new(3))));
        assert!(mark.state.lock().tasks.is_empty());
    }
}
