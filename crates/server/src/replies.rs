//! Clients that wait for an answer, by the id under which the machine knows them.
//!
//! Invariant: an id is never given twice while the process runs, so a late answer never reaches another client.
//! Refuses to know requests and deadlines; the machine answers each client once.

use crate::seats::Answer;
use proto::{ClientId, Response};

/// The waiting clients. A place in the table is used again under the next generation.
#[derive(Default)]
pub(crate) struct Replies {
    places: Vec<Place>,
    free: Vec<u32>,
}

#[derive(Default)]
struct Place {
    generation: u32,
    reply: Option<Answer>,
}

impl Replies {
    /// Lets a client wait.
    pub(crate) fn insert(&mut self, reply: Answer) -> ClientId {
        let index = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place::default());
            // More than 2^32 waiting clients do not fit into memory.
            (self.places.len() - 1) as u32
        });
        let place = &mut self.places[index as usize];
        place.generation = place.generation.wrapping_add(1);
        place.reply = Some(reply);
        ClientId(u64::from(place.generation) << 32 | u64::from(index))
    }

    /// Answers a client. False if nobody waits under this id.
    pub(crate) fn answer(&mut self, client: ClientId, response: Response) -> bool {
        let (generation, index) = ((client.0 >> 32) as u32, client.0 as u32);
        let place = self.places.get_mut(index as usize).filter(|place| place.generation == generation);
        let Some(reply) = place.and_then(|place| place.reply.take()) else {
            return false;
        };
        self.free.push(index);
        // A client that has gone away does not want its answer any more.
        reply.send(response);
        true
    }

    /// Answers everybody.
    pub(crate) fn answer_all(&mut self, response: &Response) {
        for reply in std::mem::take(self).places.into_iter().filter_map(|place| place.reply) {
            reply.send(response.clone());
        }
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// True if nobody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::Replies;
    use crate::seats::Answer;
    use proto::{ClientId, Refusal, Response};
    use tokio::sync::oneshot;

    fn to(sender: oneshot::Sender<Response>) -> Answer {
        Answer { to: sender, seat: None }
    }

    #[test]
    fn each_client_gets_its_own_answer_once() {
        let mut replies = Replies::default();
        let (first, mut first_answer) = oneshot::channel();
        let (second, mut second_answer) = oneshot::channel();
        let (first, second) = (replies.insert(to(first)), replies.insert(to(second)));
        assert!(replies.answer(second, Response::Refused(Refusal::DiskFull)));
        assert_eq!(second_answer.try_recv(), Ok(Response::Refused(Refusal::DiskFull)));
        assert!(!replies.is_empty());
        assert!(replies.answer(first, Response::Refused(Refusal::Overloaded)));
        assert!(first_answer.try_recv().is_ok() && replies.is_empty());
        assert!(!replies.answer(first, Response::Refused(Refusal::Overloaded)));
    }

    #[test]
    fn a_late_answer_does_not_reach_the_next_client() {
        let mut replies = Replies::default();
        let first = replies.insert(to(oneshot::channel().0));
        replies.answer(first, Response::Refused(Refusal::DiskFull));
        let (second, mut answer) = oneshot::channel();
        let second = replies.insert(to(second));
        assert_ne!(first, second);
        assert!(!replies.answer(first, Response::Refused(Refusal::DiskFull)));
        assert!(answer.try_recv().is_err());
        assert!(!replies.answer(ClientId(u64::MAX), Response::Refused(Refusal::DiskFull)));
    }
}
