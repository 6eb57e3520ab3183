//! What holds under every schedule, by what can go wrong.

mod answers;
mod endings;
mod failures;
mod readers;

use super::Claim;

/// All claims.
pub const CLAIMS: &[Claim] = &[
    answers::WHO_WAITS_IS_ANSWERED,
    answers::ANY_MIX_IS_ANSWERED,
    answers::SYNC_COVERS_WHAT_WAS_PLACED,
    answers::BATCHES_ARE_WHOLE,
    answers::A_FULL_QUEUE_LETS_CALLERS_PROCEED,
    answers::TASKS_ARE_ANSWERED,
    answers::ROTATION_BESIDE_UPKEEP,
    answers::THE_BACKGROUND_COMES_ROUND,
    endings::APPENDS_BESIDE_A_CLOSE,
    endings::CLOSES_BESIDE_EACH_OTHER,
    endings::THE_LAST_HANDLE_CLOSES,
    endings::TENDING_ENDS_WITH_THE_LOG,
    failures::A_FAILED_SYNC_IS_FINAL,
    failures::A_FAILED_SYNC_OF_THE_WATERMARK_IS_FINAL,
    failures::NUMBERS_OF_A_REFUSED_COMMIT_GO_TO_OTHERS,
    failures::WHAT_IS_GIVEN_UP_IS_TOLD,
    readers::NOTHING_IS_SHOWN_BEFORE_IT_IS_DURABLE,
    readers::FOLLOWERS_HEAR_OF_THE_END,
];
