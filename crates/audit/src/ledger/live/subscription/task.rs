//! Subscriptions for the tasks of an async runtime: waiting blocks no thread.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use runledger_wal::{DurableWait, ReadError};

use super::{Look, Subscription, SubscriptionError};
use crate::StoredEvent;

type Wait = Pin<Box<dyn Future<Output = Result<DurableWait, ReadError>> + Send + Sync>>;

/// The wait that is under way. It is the subscription's and not a call's, so that a call that is given up loses nothing.
#[derive(Default)]
pub(super) struct Waiting(Option<Wait>);

impl Subscription {
    /// The next event, for tasks; nothing if nothing more will come. A call that is dropped loses no event.
    ///
    /// What is not in memory is read from the log by the thread that polls. If the writer is another process, the runtime's
    /// timer must be enabled.
    ///
    /// ```
    /// use runledger_audit::{Body, Custom, Event, EventFilter, Ledger, SubscribeFrom};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let mut subscription = ledger.subscribe(&EventFilter::default(), SubscribeFrom::Now)?;
    /// ledger.append_async(Event::new(Body::Custom(Custom::default()))).await?;
    /// assert_eq!(subscription.next_async().await?.expect("it is durable").seq.get(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// See [`SubscriptionError`].
    pub async fn next_async(&mut self) -> Result<Option<Arc<StoredEvent>>, SubscriptionError> {
        poll_fn(|context| self.poll_next(context)).await.transpose()
    }

    /// The next event as a stream gives it: `futures::stream::poll_fn(move |context| subscription.poll_next(context))` makes
    /// one.
    ///
    /// ```
    /// use std::future::poll_fn;
    ///
    /// use runledger_audit::{Body, Custom, Event, EventFilter, Ledger, Seq};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let mut subscription = ledger.subscribe(&EventFilter::default(), Seq::ZERO)?;
    /// ledger.append_async(Event::new(Body::Custom(Custom::default()))).await?;
    /// let next = poll_fn(|context| subscription.poll_next(context)).await;
    /// assert_eq!(next.expect("the ledger is open")?.seq.get(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Arc<StoredEvent>, SubscriptionError>>> {
        loop {
            match self.look() {
                Ok(Look::Found(event)) => return Poll::Ready(Some(Ok(event))),
                Err(error) => return Poll::Ready(Some(Err(error))),
                Ok(Look::NotYet) => {
                    // Others of the runtime may have something to do before the next piece of the log.
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Ok(Look::CaughtUp) => {}
            }
            let (log, next) = (&self.log, self.next);
            let wait =
                self.waiting.0.get_or_insert_with(|| Box::pin(log.wait_durable_past_async(next)) as Wait);
            let waited = ready!(wait.as_mut().poll(context));
            self.waiting.0 = None;
            match waited {
                Ok(waited) if self.goes_on_after(waited) => {}
                Ok(_) => return Poll::Ready(None),
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            }
        }
    }
}
