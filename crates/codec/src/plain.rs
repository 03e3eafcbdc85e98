//! The bytes of what nearly all traffic consists of, written and read without the structs of the schema: records of which the
//! last writer wins, the message that brings one to a replica, and its acknowledgement.
//!
//! A struct of the schema asks each part for its length once on each level around it, and takes a reference to every value.
//! Here lengths are computed once, from the inside out, and what is read is read in the order in which it is written.
//!
//! Invariant: what is written here is, byte for byte, what the schema writes. What is read here the schema would read alike;
//! whatever is not in this form (fields in another order, unknown ones, anything wrong) is left to the schema, which knows why.
//! Refuses to know frames, checksums and storage keys.

mod read;
mod write;

pub(crate) use read::{message, stored};
pub(crate) use write::{Plain, PlainMessage};

/// Tags of fields: number and wire type, each in one byte.
mod tag {
    pub(super) const fn varint(field: u8) -> u8 {
        field << 3
    }

    pub(super) const fn fixed64(field: u8) -> u8 {
        field << 3 | 1
    }

    pub(super) const fn bytes(field: u8) -> u8 {
        field << 3 | 2
    }
}

#[cfg(test)]
mod tests {
    use super::{Plain, PlainMessage, message, stored};
    use crate::schema::message::WireMessage;
    use crate::schema::parse;
    use crate::stored::WireStored;
    use bytes::Bytes;
    use causal::{Actor, Dot, Stamp};
    use proptest::prelude::*;
    use prost::Message as _;
    use proto::{Ack, BucketId, Epoch, ItemKey, Message, OpId, Record, Value, Version};
    use stdx::Wall;

    fn number() -> impl Strategy<Value = u64> {
        prop_oneof![0..300_u64, Just(u64::MAX), any::<u64>()]
    }

    fn some_bytes() -> impl Strategy<Value = Bytes> {
        prop_oneof![0..20_usize, 120..140_usize, 16_370..16_400_usize].prop_map(|len| Bytes::from(vec![7; len]))
    }

    fn record() -> impl Strategy<Value = Record> {
        let value = (some_bytes(), prop::option::of("[a-zñ/]{0,200}"))
            .prop_map(|(bytes, content_type)| Value { bytes, content_type });
        let version = (number(), prop::option::of(number().prop_map(Wall)), prop::option::of(value))
            .prop_map(|(stamp, expires, value)| Version { stamp: Stamp::from_u64(stamp), expires, value });
        let dot = (any::<u128>(), prop_oneof![Just(0), 1..4_u128], number(), 1..=u64::MAX, any::<bool>());
        let dot = dot.prop_map(|(large, small, incarnation, counter, is_large)| {
            let node = if is_large { large } else { small << 64 };
            Dot { actor: Actor { node, incarnation }, counter }
        });
        (dot, version).prop_map(|(dot, version)| Record::Latest { dot, version })
    }

    fn replicate() -> impl Strategy<Value = Message> {
        let numbers = (number(), number(), number(), any::<bool>(), prop_oneof![0..3_u32, any::<u32>()]);
        let key = (some_bytes(), prop::option::of(some_bytes()));
        (numbers, key, record()).prop_map(|((op, epoch, round, fsync, bucket), (partition_key, sort_key), record)| {
            let key = ItemKey { partition_key, sort_key };
            Message::Replicate {
                op: OpId(op),
                epoch: Epoch(epoch),
                bucket: BucketId(bucket),
                key,
                record,
                fsync,
                round,
            }
        })
    }

    fn replicated() -> impl Strategy<Value = Message> {
        let pulse =
            (number(), number(), number()).prop_map(|(number, life, batches)| proto::Pulse { number, life, batches });
        (number(), prop::option::of(pulse)).prop_map(|(op, pulse)| Message::Replicated {
            op: OpId(op),
            ack: Ack::Done,
            pulse,
        })
    }

    fn plain(message: &Message) -> Vec<u8> {
        let plain = PlainMessage::of(message).expect("it is plain");
        let mut out = Vec::new();
        plain.put(&mut out);
        assert_eq!(out.len(), plain.len());
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn messages_are_written_and_read_as_the_schema_does(sent in prop_oneof![4 => replicate(), 1 => replicated()]) {
            let bytes = plain(&sent);
            prop_assert_eq!(&bytes, &WireMessage::from(&sent).encode_to_vec());
            prop_assert_eq!(message(&Bytes::from(bytes)), Some(sent));
        }

        #[test]
        fn records_are_written_and_read_as_the_schema_does(record in record()) {
            let plain = Plain::of(&record).expect("it is plain");
            let mut bytes = Vec::new();
            plain.put_stored(&mut bytes);
            prop_assert_eq!(bytes.len(), plain.stored_len());
            prop_assert_eq!(&bytes, &WireStored::new(&record, None).encode_to_vec());
            prop_assert_eq!(stored(&Bytes::from(bytes)), Some(record));
        }

        #[test]
        fn what_is_read_of_damaged_bytes_the_schema_reads_alike(
            sent in prop_oneof![4 => replicate(), 1 => replicated()],
            flips in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..8), 1..4),
            cut in prop::option::of(any::<prop::sample::Index>()),
        ) {
            let mut bytes = plain(&sent);
            for (at, bit) in flips {
                // Most bytes are of keys and values, where nothing can go wrong.
                let at = at.index(bytes.len().min(160));
                bytes[at] ^= 1 << bit;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            let bytes = Bytes::from(bytes);
            if let Some(read) = message(&bytes) {
                let schema = parse::<WireMessage>(bytes, "a message").and_then(Message::try_from);
                prop_assert_eq!(Ok(read), schema);
            }
        }
    }
}
