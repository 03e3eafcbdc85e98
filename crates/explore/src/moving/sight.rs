//! A node that the others hold to be down, although it hears them and they would hear it: their probes of it got no answer.

use super::case;
use super::node::{Node, Said};
use super::world::travels;
use proto::{Input, Message};
use stdx::Mono;

/// The nodes probe each other until the others hold `cut` to be down.
pub(super) fn lose(nodes: &mut [Node], cut: u8) {
    let is_down = |node: &Node| {
        let members = node.machine.status().members;
        members.iter().any(|other| other.member.id == case::id(cut) && format!("{:?}", other.condition) == "Down")
    };
    let mut clock = Mono::default();
    while nodes.iter().any(|node| node.id != cut && !is_down(node)) {
        clock = nodes.iter().filter_map(|node| node.machine.next_deadline()).min().expect("all are probed").max(clock);
        let mut mail: Vec<(u8, Said)> = Vec::new();
        for node in nodes.iter_mut() {
            let from = node.id;
            mail.extend(node.tick(clock).into_iter().map(|said| (from, said)));
        }
        while let Some((from, said)) = mail.pop() {
            if let Said::To(to, message) = said {
                probe(nodes, cut, from, case::node(to), *message, &mut mail);
            }
        }
    }
}

fn probe(nodes: &mut [Node], cut: u8, from: u8, to: u8, message: Message, mail: &mut Vec<(u8, Said)>) {
    let is_of_history = matches!(message, Message::Gossip { .. } | Message::Events { .. } | Message::PullEvents { .. });
    let (from, to, message) = match message {
        Message::Ping { nonce } if from == cut => (to, cut, Message::Pong { nonce }),
        message if travels(&message) || is_of_history || from == cut || to == cut => {
            drop(message);
            return;
        }
        message => (from, to, message),
    };
    if let Some(node) = nodes.iter_mut().find(|node| node.id == to) {
        let answers = node.input(0, Input::Peer { from: case::id(from), message });
        mail.extend(answers.into_iter().map(|said| (to, said)));
    }
}
