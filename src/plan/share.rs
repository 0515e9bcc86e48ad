//! How the remaining space is shared among everything that grows. The plan decides it, and the kickstart asks for the
//! result in exact numbers, so the installer has nothing left to share.

/// Shares `rest` in proportion to `weights`, in whole steps; the last one gets what cannot be shared evenly.
pub(crate) fn share(rest: u64, weights: &[u64], step: u64) -> Vec<u64> {
    let total: u128 = weights.iter().map(|&weight| u128::from(weight.max(1))).sum();
    let part = |weight: u64| {
        let part = u128::from(rest / step) * u128::from(weight.max(1)) / total.max(1);
        u64::try_from(part).unwrap_or(0) * step
    };
    let mut shares: Vec<u64> = weights.iter().map(|&weight| part(weight)).collect();
    let given: u64 = shares.iter().sum();
    if let Some(last) = shares.last_mut() {
        *last += rest / step * step - given;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_shared_in_proportion_and_in_whole_steps() {
        assert_eq!(share(100, &[5], 1), [100]);
        assert_eq!(share(100, &[1, 3], 1), [25, 75]);
        assert_eq!(share(103, &[1, 1], 4), [48, 52]);
        assert_eq!(share(10, &[0, 0, 0], 1), [3, 3, 4]);
        assert_eq!(share(u64::MAX / 2, &[1 << 40, 1 << 40], 1).iter().sum::<u64>(), u64::MAX / 2);
        assert!(share(7, &[], 1).is_empty());
    }
}
