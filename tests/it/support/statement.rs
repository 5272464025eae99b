//! Bank statements for stories.

/// A statement of credits: amount, account credited, structured reference, text.
pub fn statement(id: &str, entries: &[(&str, &str, &str, &str)]) -> String {
    let cents = |text: &str| text.replace('.', "").parse::<i64>().unwrap();
    let total: i64 = entries.iter().map(|(amount, ..)| cents(amount)).sum();
    let balance = |code: &str, minor: i64| {
        format!(
            "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy=\"EUR\">{}.{:02}</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>",
            minor / 100,
            minor % 100
        )
    };
    let mut text = format!(
        "<?xml version=\"1.0\"?><Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\"><BkToCstmrStmt><Stmt><Id>{id}</Id>\
         <Acct><Id><IBAN>FR1420041010050500013M02606</IBAN></Id><Ccy>EUR</Ccy></Acct>{}{}",
        balance("OPBD", 0),
        balance("CLBD", total)
    );
    for (at, (amount, account, structured, free)) in entries.iter().enumerate() {
        let account = if account.is_empty() {
            String::new()
        } else {
            format!("<CdtrAcct><Id><IBAN>{account}</IBAN></Id></CdtrAcct>")
        };
        let structured = if structured.is_empty() {
            String::new()
        } else {
            format!("<Strd><CdtrRefInf><Ref>{structured}</Ref></CdtrRefInf></Strd>")
        };
        text.push_str(&format!(
            "<Ntry><Amt Ccy=\"EUR\">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-03-05</Dt></BookgDt>\
             <AcctSvcrRef>{id}-{at}</AcctSvcrRef><NtryDtls><TxDtls><Amt Ccy=\"EUR\">{amount}</Amt><RltdPties><Dbtr><Pty><Nm>Payer</Nm></Pty></Dbtr>{account}</RltdPties>\
             <RmtInf>{structured}<Ustrd>{free}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"
        ));
    }
    text + "</Stmt></BkToCstmrStmt></Document>"
}
