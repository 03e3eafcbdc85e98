//! Families of metrics as values, and their text.
//!
//! Invariant: a family is described once, whatever it holds.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};
use server::{BOUNDS, Times};
use std::fmt;

/// Names and values.
pub(super) type Labels = Vec<(&'static str, String)>;

/// One family.
#[derive(Debug)]
pub(super) struct Family {
    /// Its name, without unit and `_total`.
    pub(super) name: &'static str,
    /// What it counts or measures.
    pub(super) help: &'static str,
    /// In which unit.
    pub(super) unit: Option<Unit>,
    /// What is known.
    pub(super) samples: Samples,
}

/// What is known of a family.
#[derive(Debug)]
pub(super) enum Samples {
    /// What only grows.
    Counters(Vec<(Labels, f64)>),
    /// What comes and goes.
    Gauges(Vec<(Labels, f64)>),
    /// Times.
    Histograms(Vec<(Labels, Times)>),
}

/// The text of families.
pub(super) fn write(families: Vec<Family>) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Families(families)));
    let mut out = String::new();
    text::encode(&mut out, &registry)?;
    Ok(out)
}

#[derive(Debug)]
struct Families(Vec<Family>);

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for family in &self.0 {
            let Family { name, help, unit, samples } = family;
            let kind = match samples {
                Samples::Counters(_) => MetricType::Counter,
                Samples::Gauges(_) => MetricType::Gauge,
                Samples::Histograms(_) => MetricType::Histogram,
            };
            let mut metric = encoder.encode_descriptor(name, help, unit.as_ref(), kind)?;
            samples.encode(&mut metric)?;
        }
        Ok(())
    }
}

impl Samples {
    fn encode(&self, metric: &mut MetricEncoder<'_>) -> fmt::Result {
        match self {
            Samples::Counters(samples) => samples.iter().try_for_each(|(labels, value)| {
                labelled(metric, labels, |metric| metric.encode_counter::<NoLabelSet, _, f64>(value, None))
            }),
            Samples::Gauges(samples) => samples
                .iter()
                .try_for_each(|(labels, value)| labelled(metric, labels, |metric| metric.encode_gauge(value))),
            Samples::Histograms(samples) => samples.iter().try_for_each(|(labels, times)| {
                let (sum, buckets) = (times.sum.as_secs_f64(), buckets(times));
                labelled(metric, labels, |metric| {
                    metric.encode_histogram::<NoLabelSet>(sum, times.count, &buckets, None)
                })
            }),
        }
    }
}

fn labelled(
    metric: &mut MetricEncoder<'_>,
    labels: &Labels,
    encode: impl FnOnce(&mut MetricEncoder<'_>) -> fmt::Result,
) -> fmt::Result {
    if labels.is_empty() { encode(metric) } else { encode(&mut metric.encode_family(labels)?) }
}

/// Counts between the bounds, as the encoder wants them; it adds them up.
fn buckets(times: &Times) -> Vec<(f64, u64)> {
    let mut below = 0;
    let mut between = |up_to: u64| up_to - std::mem::replace(&mut below, up_to);
    let mut buckets: Vec<_> =
        BOUNDS.iter().zip(times.up_to).map(|(bound, up_to)| (*bound as f64 / 1e6, between(up_to))).collect();
    buckets.push((f64::MAX, between(times.count)));
    buckets
}
