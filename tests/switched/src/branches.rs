//! Where each mutant goes: the expression, body, arm, guard or field at its place.

use std::collections::BTreeSet;

use proc_macro2::LineColumn;
use syn::spanned::Spanned;
use syn::visit_mut::{self, VisitMut};
use syn::{Arm, BinOp, Block, Expr, ImplItemFn, Item, ItemFn, Stmt, TraitItemFn, UnOp, parse_quote};

/// Line from 1, column from 0.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

impl From<LineColumn> for Place {
    fn from(at: LineColumn) -> Self {
        Self { line: at.line, column: at.column }
    }
}

pub struct Mutant {
    pub number: u32,
    pub genre: String,
    pub place: Place,
    pub replacement: String,
}

pub struct Branches {
    mutants: Vec<Mutant>,
    /// Those that have a branch.
    pub done: BTreeSet<u32>,
}

impl Branches {
    pub fn new(mutants: Vec<Mutant>) -> Self {
        Self { mutants, done: BTreeSet::new() }
    }

    /// The mutants of a kind at a place: number and replacement.
    fn at(&self, genre: &str, place: Place) -> Vec<(u32, String)> {
        let here = self.mutants.iter().filter(|mutant| mutant.genre == genre && mutant.place == place);
        here.map(|mutant| (mutant.number, mutant.replacement.clone())).collect()
    }

    fn body(&mut self, constant: bool, block: &mut Block) {
        if constant {
            return; // no switch can be read there
        }
        let inside = block.stmts.first().map(|first| Place::from(first.span().start()));
        let mut found = self.at("FnValue", block.span().start().into());
        found.extend(inside.map(|place| self.at("FnValue", place)).unwrap_or_default());
        self.visit_block_mut(block);
        for (number, replacement) in found {
            let Ok(value) = syn::parse_str::<Expr>(&replacement) else { continue };
            let early: Stmt = parse_quote!(if crate::switched(#number) { return #value; });
            block.stmts.insert(0, early);
            self.done.insert(number);
        }
    }

    /// `choice` where the mutants of `found` are tried before the expression as it was written.
    fn chosen(&mut self, found: &[(u32, String)], written: Expr, mutated: impl Fn(&str) -> Option<Expr>) -> Expr {
        found.iter().fold(written, |other, (number, replacement)| match mutated(replacement) {
            Some(value) => {
                self.done.insert(*number);
                parse_quote!(if crate::switched(#number) { #value } else { #other })
            }
            None => other,
        })
    }

    fn operator(&mut self, expression: &syn::ExprBinary, found: &[(u32, String)]) -> Option<Expr> {
        let (left, right, op) = (&expression.left, &expression.right, expression.op);
        let with = |text: &str| syn::parse_str::<BinOp>(text).ok();
        match op {
            // Both sides in one place each, and the right one only where it would be.
            BinOp::And(_) | BinOp::Or(_) => {
                let number = found.iter().find(|(_, to)| to == "||" || to == "&&")?.0;
                if holds_let(left) || holds_let(right) {
                    return None;
                }
                let goes_on = matches!(op, BinOp::And(_));
                self.done.insert(number);
                Some(parse_quote!((match (#left, crate::switched(#number)) {
                    (left, mutated) => if left == (#goes_on != mutated) { #right } else { left },
                })))
            }
            BinOp::Eq(_) | BinOp::Ne(_) | BinOp::Lt(_) | BinOp::Le(_) | BinOp::Gt(_) | BinOp::Ge(_) => {
                let written = parse_quote!((*left #op *right));
                let choice = self.chosen(found, written, |to| {
                    let op = with(to)?;
                    Some(parse_quote!((*left #op *right)))
                });
                Some(parse_quote!((match (&(#left), &(#right)) { (left, right) => #choice })))
            }
            BinOp::AddAssign(_)
            | BinOp::SubAssign(_)
            | BinOp::MulAssign(_)
            | BinOp::DivAssign(_)
            | BinOp::RemAssign(_)
            | BinOp::BitXorAssign(_)
            | BinOp::BitAndAssign(_)
            | BinOp::BitOrAssign(_)
            | BinOp::ShlAssign(_)
            | BinOp::ShrAssign(_) => {
                let written = parse_quote!(#left #op right);
                let choice = self.chosen(found, written, |to| {
                    let op = with(to)?;
                    Some(parse_quote!(#left #op right))
                });
                Some(parse_quote!((match #right { right => #choice })))
            }
            _ => {
                let written = parse_quote!((left #op right));
                let choice = self.chosen(found, written, |to| {
                    let op = with(to)?;
                    Some(parse_quote!((left #op right)))
                });
                Some(parse_quote!((match (#left, #right) { (left, right) => #choice })))
            }
        }
    }
}

/// Whether a chain of conditions binds something, which no match can stand for.
fn holds_let(expression: &Expr) -> bool {
    match expression {
        Expr::Let(_) => true,
        Expr::Binary(binary) => holds_let(&binary.left) || holds_let(&binary.right),
        _ => false,
    }
}

impl VisitMut for Branches {
    fn visit_item_fn_mut(&mut self, item: &mut ItemFn) {
        self.body(item.sig.constness.is_some(), &mut item.block);
    }

    fn visit_impl_item_fn_mut(&mut self, item: &mut ImplItemFn) {
        self.body(item.sig.constness.is_some(), &mut item.block);
    }

    fn visit_trait_item_fn_mut(&mut self, item: &mut TraitItemFn) {
        if let Some(block) = &mut item.default {
            self.body(item.sig.constness.is_some(), block);
        }
    }

    fn visit_item_mut(&mut self, item: &mut Item) {
        // Nothing is switched in what the compiler computes.
        if !matches!(item, Item::Const(_) | Item::Static(_) | Item::Enum(_)) {
            visit_mut::visit_item_mut(self, item);
        }
    }

    fn visit_impl_item_const_mut(&mut self, _: &mut syn::ImplItemConst) {}

    fn visit_type_mut(&mut self, _: &mut syn::Type) {}

    fn visit_expr_repeat_mut(&mut self, repeat: &mut syn::ExprRepeat) {
        self.visit_expr_mut(&mut repeat.expr);
    }

    fn visit_arm_mut(&mut self, arm: &mut Arm) {
        let arms = self.at("MatchArm", arm.span().start().into());
        let guards = match &arm.guard {
            Some((_, guard)) => self.at("MatchArmGuard", guard.span().start().into()),
            None => Vec::new(),
        };
        visit_mut::visit_arm_mut(self, arm);
        if let Some((_, guard)) = &mut arm.guard
            && !guards.is_empty()
            && !holds_let(guard)
        {
            let written: Expr = parse_quote!((#guard));
            let choice = self.chosen(&guards, written, |to| syn::parse_str(to).ok());
            **guard = parse_quote!((#choice));
        }
        for (number, _) in arms {
            match &mut arm.guard {
                Some((_, guard)) if holds_let(guard) => continue,
                Some((_, guard)) => **guard = parse_quote!(!crate::switched(#number) && (#guard)),
                None => arm.guard = Some((Default::default(), parse_quote!(!crate::switched(#number)))),
            }
            self.done.insert(number);
        }
    }

    fn visit_expr_mut(&mut self, expression: &mut Expr) {
        let found = match &*expression {
            Expr::Binary(binary) => self.at("BinaryOperator", binary.op.span().start().into()),
            Expr::Unary(unary) => self.at("UnaryOperator", unary.op.span().start().into()),
            _ => Vec::new(),
        };
        let fields = match &*expression {
            Expr::Struct(whole) => {
                let of = |field: &syn::FieldValue| self.at("StructField", field.span().start().into());
                whole.fields.iter().map(of).collect()
            }
            _ => Vec::new(),
        };
        visit_mut::visit_expr_mut(self, expression);
        let replaced = match &*expression {
            Expr::Binary(binary) if !found.is_empty() => self.operator(&binary.clone(), &found),
            Expr::Unary(unary) if !found.is_empty() && !matches!(unary.op, UnOp::Deref(_)) => {
                let (inner, written) = ((*unary.expr).clone(), Expr::Unary(unary.clone()));
                let choice = self.chosen(&found, written, |_| Some(inner.clone()));
                Some(parse_quote!((#choice)))
            }
            Expr::Struct(whole) if fields.iter().any(|here| !here.is_empty()) => {
                let whole = whole.clone();
                let mut choice = Expr::Struct(whole.clone());
                for (at, here) in fields.iter().enumerate() {
                    for (number, _) in here {
                        let mut without = whole.clone();
                        let others = whole.fields.iter().enumerate().filter(|(other, _)| *other != at);
                        without.fields = others.map(|(_, field)| field.clone()).collect();
                        if !without.fields.is_empty() {
                            without.fields.push_punct(Default::default());
                        }
                        self.done.insert(*number);
                        choice = parse_quote!(if crate::switched(#number) { #without } else { #choice });
                    }
                }
                Some(parse_quote!((#choice)))
            }
            _ => None,
        };
        if let Some(replaced) = replaced {
            *expression = replaced;
        }
    }
}
