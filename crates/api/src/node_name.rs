//! Finding the node that an operator means: by its id or by its name.

use crate::fields::excerpt;
use crate::problem::{Kind, Problem};
use proto::{MemberStatus, Status};
use ring::NodeId;

/// The member whose id or name is `text`. Names are told apart by case only if they must be.
pub(crate) fn find<'a>(status: &'a Status, text: &str) -> Result<&'a MemberStatus, Problem> {
    let id = text.parse::<NodeId>().ok();
    let by = |test: &dyn Fn(&MemberStatus) -> bool| status.members.iter().find(|member| test(member));
    by(&|m| Some(m.member.id) == id || m.member.name == text)
        .or_else(|| by(&|m| m.member.name.eq_ignore_ascii_case(text)))
        .ok_or_else(|| {
            let names: Vec<&str> = status.members.iter().take(20).map(|m| m.member.name.as_str()).collect();
            let detail =
                format!("There is no node \"{}\"; the nodes are {}.", excerpt(text.as_bytes()), names.join(", "));
            Problem::new(Kind::UnknownNode, detail)
        })
}

/// The name of a node; its id if it has none.
pub(crate) fn of(status: &Status, node: NodeId) -> String {
    let member = status.members.iter().find(|m| m.member.id == node);
    member.map_or_else(|| node.to_string(), |m| m.member.name.clone())
}
