//! What clients were told, and whether one order explains it: every change appends its name to a list, so a list that
//! somebody saw tells the order of all changes before it.
//!
//! Invariant: the lists that were told are beginnings of one another, none is shorter than one told before its operation
//! began, no name is in one twice, and no name that was refused is in one. For such lists that is linearizability.

use proto::paxos::register::{Cell, Change, Verdict};

/// Names of changes, in the order in which they were made.
pub type List = Vec<u8>;

/// Appends its name, if the list is short enough.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Append {
    /// Its name.
    pub name: u8,
    /// It does not apply to a list that is longer.
    pub longest: usize,
}

impl Change for Append {
    type Value = List;

    fn apply(&self, current: &Cell<List>) -> Verdict<List> {
        let mut list = current.value.clone().unwrap_or_default();
        if list.len() > self.longest {
            return Verdict::Refuse;
        }
        list.push(self.name);
        Verdict::Write(Some(list))
    }
}

/// What was told so far.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub struct Order {
    longest: List,
    refused: List,
}

impl Order {
    /// How much an operation that begins now must see.
    pub fn floor(&self) -> usize {
        self.longest.len()
    }

    /// A change was refused: it must never take effect.
    pub fn refuse(&mut self, name: u8) -> Result<(), String> {
        self.refused.push(name);
        self.refused.sort_unstable();
        let longest = self.longest.clone();
        self.check(&longest)
    }

    /// An operation that began at `floor` was told this list.
    pub fn tell(&mut self, floor: usize, list: &List) -> Result<(), String> {
        let common = list.len().min(self.longest.len());
        if list[..common] != self.longest[..common] {
            return Err(format!("two orders were told: {:?} and {list:?}", self.longest));
        }
        if list.len() < floor {
            return Err(format!("{list:?} was told after {:?}", &self.longest[..floor]));
        }
        if list.len() > self.longest.len() {
            self.longest.clone_from(list);
        }
        self.check(list)
    }

    fn check(&self, list: &List) -> Result<(), String> {
        if let Some(name) = list.iter().find(|name| self.refused.contains(name)) {
            return Err(format!("change {name} was refused and is in {list:?}"));
        }
        let twice = list.iter().enumerate().find(|(at, name)| list[..*at].contains(name));
        twice.map_or(Ok(()), |(_, name)| Err(format!("change {name} was made twice: {list:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::Order;

    #[test]
    fn what_one_order_does_not_explain_is_noticed() {
        let mut order = Order::default();
        assert_eq!(order.tell(0, &vec![1, 2]), Ok(()));
        assert_eq!(order.tell(0, &vec![1]), Ok(()), "it may have been before");
        assert!(order.tell(2, &vec![1]).is_err(), "it was after");
        assert!(order.tell(0, &vec![2]).is_err(), "another order");
        assert!(order.refuse(2).is_err(), "it was made");
        assert_eq!(Order::default().refuse(2), Ok(()));
        assert!(Order::default().tell(0, &vec![1, 2, 1]).is_err(), "twice");
    }
}
