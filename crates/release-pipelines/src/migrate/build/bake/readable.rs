//! What of an expression of HCL is not read, as it has no end that is near, no number, or depends on a run.

use hcl::Expression;

/// Why an expression cannot be read; `unsure`: the variables whose value is known only when the workflow runs.
pub(super) fn unreadable(expression: &Expression, unsure: &[String]) -> Option<&'static str> {
    let mut parts = Vec::new();
    collect(expression, &mut parts);
    let (mut asks, mut names) = (false, false);
    for part in &parts {
        match part {
            Part::Loop => return Some("a `for` is not read here"),
            Part::Division => return Some("a division is not read here"),
            Part::Question => asks = true,
            Part::Name(name) => names |= unsure.contains(name),
        }
    }
    (asks && names).then_some("it compares what is known only when the workflow runs")
}

/// What matters of an expression.
enum Part {
    Loop,
    Division,
    Question,
    Name(String),
}

#[expect(clippy::wildcard_enum_match_arm, reason = "other kinds of expressions and keys hold no more of them")]
fn collect(expression: &Expression, parts: &mut Vec<Part>) {
    let mut all = |expressions: Vec<&Expression>| expressions.into_iter().for_each(|inner| collect(inner, parts));
    match expression {
        Expression::Array(items) => all(items.iter().collect()),
        Expression::Object(entries) => {
            let keys = entries.keys().filter_map(|key| match key {
                hcl::ObjectKey::Expression(key) => Some(key),
                _ => None,
            });
            all(keys.chain(entries.values()).collect());
        }
        Expression::TemplateExpr(template) => match hcl::Template::from_expr(template) {
            Ok(template) => {
                for element in template.elements() {
                    match element {
                        hcl::template::Element::Interpolation(inner) => collect(&inner.expr, parts),
                        hcl::template::Element::Directive(_) => parts.push(Part::Loop),
                        hcl::template::Element::Literal(_) => {}
                    }
                }
            }
            Err(_) => parts.push(Part::Loop),
        },
        Expression::Variable(variable) => parts.push(Part::Name(variable.as_str().to_owned())),
        Expression::Traversal(traversal) => all(vec![&traversal.expr]),
        Expression::Parenthesis(inner) => all(vec![inner]),
        Expression::FuncCall(call) => {
            all(call.args.iter().collect());
            if call.name.name.as_str() != "concat" {
                parts.push(Part::Question);
            }
        }
        Expression::Conditional(conditional) => {
            all(vec![&conditional.cond_expr, &conditional.true_expr, &conditional.false_expr]);
            parts.push(Part::Question);
        }
        Expression::Operation(operation) => match operation.as_ref() {
            hcl::Operation::Unary(unary) => {
                all(vec![&unary.expr]);
                parts.push(Part::Question);
            }
            hcl::Operation::Binary(binary) => {
                all(vec![&binary.lhs_expr, &binary.rhs_expr]);
                let divides = matches!(binary.operator, hcl::BinaryOperator::Div | hcl::BinaryOperator::Mod);
                parts.push(if divides { Part::Division } else { Part::Question });
            }
        },
        Expression::ForExpr(_) => parts.push(Part::Loop),
        _ => {}
    }
}
