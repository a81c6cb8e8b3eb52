//! Families of metrics, each with its name, help and values: [`Families`].

use super::histogram::HistogramSnapshot;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelValue, NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use std::fmt;

/// Writes one family of metrics after the other. The encoder adds `_total` to counters' names.
pub(super) struct Families<'a>(pub(super) DescriptorEncoder<'a>);

impl Families<'_> {
    pub(super) fn counter(
        &mut self,
        name: &str,
        help: &str,
        value: impl EncodeCounterValue,
    ) -> fmt::Result {
        let mut family = (self.0).encode_descriptor(name, help, None, MetricType::Counter)?;
        family.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    pub(super) fn counters<const LABELS: usize, Label: EncodeLabelValue>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = ([(&'static str, Label); LABELS], u64)>,
    ) -> fmt::Result {
        let mut family = (self.0).encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in values {
            let mut metric = family.encode_family(&labels)?;
            metric.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
        }
        Ok(())
    }

    pub(super) fn gauge(
        &mut self,
        name: &str,
        help: &str,
        value: impl EncodeGaugeValue,
    ) -> fmt::Result {
        let mut family = (self.0).encode_descriptor(name, help, None, MetricType::Gauge)?;
        family.encode_gauge(&value)
    }

    pub(super) fn gauges<const LABELS: usize, Label: EncodeLabelValue>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = ([(&'static str, Label); LABELS], u64)>,
    ) -> fmt::Result {
        let mut family = (self.0).encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in values {
            family.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    pub(super) fn histograms<'b, const LABELS: usize>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<
            Item = (
                [(&'static str, &'static str); LABELS],
                &'b HistogramSnapshot,
            ),
        >,
    ) -> fmt::Result {
        let mut family = (self.0).encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (labels, value) in values {
            let mut metric = family.encode_family(&labels)?;
            let (sum, count) = (value.sum_seconds, value.count);
            metric.encode_histogram::<NoLabelSet>(sum, count, &value.buckets, None)?;
        }
        Ok(())
    }
}
