//! A round of leases: asks for tokens, has others give back what they can spare, and says when there is nothing left.

use super::books::Books;
use super::purse::Day;
use super::renewal::{Ledger, Renewed, Request};
use crate::model::id::{ApiKeyId, UsagePlanId};

/// Others are asked so often to give back half of what they hold before a quota counts as used up.
const RECALLS: u32 = 16;

/// Takes leases, and tells those who wait. Whether the cluster could be asked.
pub(super) async fn renew<B: Books>(books: &B, plan: &UsagePlanId, requests: Vec<Request>, day: Day) -> bool {
    let ledger = Ledger { books, plan };
    let (mut needy, mut is_open) = settle(&ledger, requests, day, false).await;
    for round in 1..=RECALLS {
        if needy.is_empty() {
            break;
        }
        // By what is known here nothing is left. Others may hold something, and there may be news.
        let keys: Vec<&ApiKeyId> = needy.iter().map(|request| &request.holding.key).collect();
        let is_final = !books.recall(plan, &keys).await || round == RECALLS;
        // Without a majority nobody can say that there is nothing.
        if books.fresh().await.is_err() {
            needy.iter().for_each(|request| request.holding.release());
            return false;
        }
        (needy, is_open) = settle(&ledger, needy, day, is_final).await;
    }
    is_open
}

/// Asks for leases and tells those who wait; gives back the requests for which nothing is left, unless that is final.
async fn settle<B: Books>(
    ledger: &Ledger<'_, B>,
    requests: Vec<Request>,
    day: Day,
    is_final: bool,
) -> (Vec<Request>, bool) {
    let renewed = ledger.renew(&requests, day).await;
    let is_open = renewed.is_ok();
    let renewed = renewed.unwrap_or_default();
    let mut needy = Vec::new();
    for (index, request) in requests.into_iter().enumerate() {
        match renewed.get(index) {
            Some(Renewed::Nothing) if is_final => request.holding.exhaust(day),
            Some(Renewed::Nothing) => needy.push(request),
            Some(Renewed::Filled) | None => request.holding.release(),
        }
    }
    (needy, is_open)
}
