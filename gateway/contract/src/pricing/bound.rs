//! The most that a request can cost, before it is made.

use super::{Circumstances, Price, Rates, Tier};
use crate::{money::NanoUsd, usage::Usage};

impl Price {
    /// The most that a request can cost that uses at most `most`, however its tokens fall into buckets and tiers, at
    /// whatever time, at whatever service tier and with all factors.
    pub fn upper_bound(&self, most: &Usage) -> NanoUsd {
        self.bound(most, None, |_| true)
    }

    /// The most that a request can cost that uses at most `most`: its prompt and answer tokens, whatever they are, and
    /// what is charged by number, as it is. The circumstances are what the request asks for: a service tier that it
    /// names (a provider may give it the standard one all the same; `auto`, like none, can become any), and factors.
    pub fn upper_bound_of(&self, most: &Usage, asked: &Circumstances) -> NanoUsd {
        let tier = asked.service_tier.filter(|word| !word.eq_ignore_ascii_case("auto"));
        self.bound(most, tier, |word| asked.modifiers.contains(&word))
    }

    /// `tier`: the only service tier beside the standard one that is possible; `None`: all are.
    fn bound(&self, most: &Usage, tier: Option<&str>, applies: impl Fn(&str) -> bool) -> NanoUsd {
        let (input, output) = (most.input(), most.total_output());
        let worst = |rates: &Rates, tiers: &[Tier]| {
            let reachable = tiers.iter().filter(|tier| tier.above_input_tokens < input);
            let tiers = reachable.map(|tier| tier.rates.most(input, output));
            tiers.fold(rates.most(input, output), u128::max)
        };
        let standard = worst(&self.rates, &self.tiers);
        let off_peak = self.off_peak.iter().map(|off_peak| off_peak.rates.most(input, output));
        let named = tier.and_then(|word| self.variant(word));
        let variants = self
            .variants
            .iter()
            .filter(|variant| tier.is_none() || named.is_some_and(|named| named == *variant))
            .map(|variant| worst(&variant.rates, &variant.tiers));
        let tokens = off_peak.chain(variants).fold(standard, u128::max);
        self.whole_up(tokens.saturating_add(self.units.parts(most)), applies)
    }

    /// As [`Self::whole`], but a factor below one is not counted on: it may turn out not to apply.
    fn whole_up(&self, parts: u128, applies: impl Fn(&str) -> bool) -> NanoUsd {
        let raises = |word: &str| {
            let mut all = self.multipliers.iter();
            all.any(|multiplier| multiplier.word == word && multiplier.factor.is_above_one())
        };
        self.whole(parts, |word| applies(word) && raises(word))
    }
}
