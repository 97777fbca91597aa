//! Prices and the cost of a usage.
//!
//! The cost sums all buckets unrounded (in thirds of 10⁻⁶ nano-USD) and rounds up once, so the error of a request is
//! below one nano-USD. [`rates`] has what tokens and other units cost, [`circumstances`] on what else it depends,
//! [`bound`] the most that a request can cost before it is made.

mod bound;
mod circumstances;
mod rates;
#[cfg(test)]
mod tests;

pub use circumstances::{Circumstances, Factor, Multiplier, OffPeak, Window};
pub use rates::{Rates, Tier, UnitPrices};

use crate::{money::NanoUsd, usage::Usage};

/// The price of a model at a provider.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Price {
    /// Token prices.
    pub rates: Rates,
    /// Prices that replace all token prices once the whole prompt is above a number of tokens; ascending.
    pub tiers: Vec<Tier>,
    /// What is charged for by number.
    pub units: UnitPrices,
    /// Token prices of other service tiers.
    pub variants: Vec<Variant>,
    /// Token prices at certain times, for the standard service tier.
    pub off_peak: Option<OffPeak>,
    /// Factors on the whole cost.
    pub multipliers: Vec<Multiplier>,
}

/// Token prices of a service tier such as `batch`, `flex` or `priority`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variant {
    /// The provider's word for it.
    pub service_tier: String,
    /// Token prices.
    pub rates: Rates,
    /// As [`Price::tiers`].
    pub tiers: Vec<Tier>,
}

impl Variant {
    /// A service tier with tiers of its own, or, without them, with the standard tiers: where nobody says what a long
    /// prompt costs at this service tier, it costs what is dearer of the two, price by price.
    pub fn new(service_tier: String, rates: Rates, own: Vec<Tier>, standard: &[Tier]) -> Self {
        let dearer = |tier: &Tier| Tier { rates: tier.rates.dearer(&rates), ..*tier };
        let tiers = if own.is_empty() { standard.iter().map(dearer).collect() } else { own };
        Self { service_tier, rates, tiers }
    }
}

/// A price has at most this many multipliers.
pub const MULTIPLIERS_MOST: usize = 4;

/// Sums are in thirds of a millionth: a millionth for prices per million, a third for audio, which is priced per minute
/// (60,000 ms) and counted in milliseconds.
const PARTS: u128 = 3 * PER_MILLION;
const PER_MILLION: u128 = 1_000_000;
const MS_PER_MINUTE: u128 = 60_000;

impl Price {
    /// Nothing costs anything.
    pub const FREE: Self = Self {
        rates: Rates::FREE,
        tiers: Vec::new(),
        units: UnitPrices::FREE,
        variants: Vec::new(),
        off_peak: None,
        multipliers: Vec::new(),
    };

    /// The cost of `usage` at the standard service tier, outside of cheaper hours and without any factor; rounded up to
    /// a whole nano-USD; saturates.
    pub fn cost(&self, usage: &Usage) -> NanoUsd {
        self.cost_under(usage, &Circumstances::default())
    }

    /// The cost of `usage` under the circumstances of its request.
    pub fn cost_under(&self, usage: &Usage, circumstances: &Circumstances) -> NanoUsd {
        let rates = self.rates_for(usage.input(), circumstances);
        let parts = rates.parts(usage).saturating_add(self.units.parts(usage));
        self.whole(parts, |word| circumstances.modifiers.contains(&word))
    }

    /// The token prices of a request with this many prompt tokens.
    pub fn rates_for(&self, input: u64, circumstances: &Circumstances) -> &Rates {
        let variant = circumstances.service_tier.and_then(|word| self.variant(word));
        if let Some(variant) = variant {
            return reached(&variant.rates, &variant.tiers, input);
        }
        if let (Some(off_peak), Some(at)) = (&self.off_peak, circumstances.at)
            && off_peak.holds(at)
        {
            return &off_peak.rates;
        }
        reached(&self.rates, &self.tiers, input)
    }

    /// Whether a request can cost anything at all.
    pub fn is_free(&self) -> bool {
        self.units == UnitPrices::FREE && self.schedules().all(|rates| rates.is_free())
    }

    /// The prices of a service tier by the provider's word; `None` for the standard one and for those that are not
    /// priced apart.
    fn variant(&self, word: &str) -> Option<&Variant> {
        // OpenAI takes both words and answers with the second.
        let word = if word.eq_ignore_ascii_case("fast") { "priority" } else { word };
        self.variants.iter().find(|variant| variant.service_tier.eq_ignore_ascii_case(word))
    }

    /// All token prices that a request can be charged by.
    fn schedules(&self) -> impl Iterator<Item = &Rates> {
        let off_peak = self.off_peak.iter().map(|off_peak| &off_peak.rates);
        let variants = self.variants.iter().flat_map(|variant| {
            std::iter::once(&variant.rates).chain(variant.tiers.iter().map(|tier| &tier.rates))
        });
        let tiers = self.tiers.iter().map(|tier| &tier.rates);
        std::iter::once(&self.rates).chain(tiers).chain(off_peak).chain(variants)
    }

    /// From parts to money, with the factors whose word `applies`.
    fn whole(&self, parts: u128, applies: impl Fn(&str) -> bool) -> NanoUsd {
        let (parts, divisor) = self
            .multipliers
            .iter()
            .take(MULTIPLIERS_MOST)
            .filter(|multiplier| applies(&multiplier.word))
            .fold((parts, PARTS), |(parts, divisor), multiplier| {
                let factor = u128::from(multiplier.factor.thousandths());
                (parts.saturating_mul(factor), divisor * Factor::ONE)
            });
        saturate(parts.div_ceil(divisor))
    }
}

/// The rates of the last tier whose edge a prompt is above.
fn reached<'r>(rates: &'r Rates, tiers: &'r [Tier], input: u64) -> &'r Rates {
    let tier = tiers.iter().rev().find(|tier| tier.above_input_tokens < input);
    tier.map_or(rates, |tier| &tier.rates)
}

/// A price is never negative (the parser of amounts sees to that); a negative one counts as nothing.
fn nanos(price: NanoUsd) -> u128 {
    u128::try_from(price.as_nanos()).unwrap_or(0)
}

fn saturate(nanos: u128) -> NanoUsd {
    NanoUsd::new(i64::try_from(nanos).unwrap_or(i64::MAX))
}
