//! Element names and paths of camt, as numbers: a value is found by one comparison.

/// Declares the names that are read; every other name is `Other`.
macro_rules! tags {
    ($($tag:ident)*) => {
        /// A local name of an element.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(clippy::upper_case_acronyms, reason = "the names of ISO 20022")]
        #[repr(u8)]
        pub(super) enum Tag { Other = 1, $($tag),* }

        impl Tag {
            /// The tag of a local name.
            pub(super) fn of(name: &str) -> Self {
                match name {
                    $(stringify!($tag) => Tag::$tag,)*
                    _ => Tag::Other,
                }
            }
        }
    };
}

tags! {
    AccptncDtTm Acct AcctSvcrRef AddtlInf AddtlNtryInf AddtlRmtInf AddtlTxInf Agt Amt AmtDtls AnyBIC
    BIC BICFI Bal BkTxCd BookgDt Btch Ccy Cd CdOrPrtry CdtDbtInd Cdtr CdtrAcct CdtrRef CdtrRefInf
    CdtrSchmeId ChqNb Chrgs ChrgInclInd ClrSysRef CtrlSum Dbtr DbtrAcct DbtrAgt Domn Dt DtTm
    ElctrncSeqNb EndToEndId FinInstnId Fmly Id IBAN InstdAmt InstrId IntrBkSttlmAmt LglSeqNb MndtId
    MsgId MsgPgntn Nb Nm Ntry NtryDtls NtryRef OrgId Othr Prtry PrvtId Pty Purp Rcrd Ref Refs RltdAcct
    RfrdDocInf RltdAgts RltdPties RmtInf Rsn RtrInf RvslInd Sts Strd SubFmlyCd Tp TtlChrgsAndTaxAmt TtlNtries
    TxAmt TxDtls TxId UETR UltmtCdtr UltmtDbtr Ustrd ValDt PmtInfId
}

/// A path of up to eight names, the last in the lowest byte.
pub(super) const fn path<const N: usize>(tags: [Tag; N]) -> u64 {
    let mut key = 0;
    let mut at = 0;
    while at < N {
        #[expect(clippy::indexing_slicing, reason = "within the array; a constant is computed at build time")]
        let tag = tags[at] as u64;
        key = (key << 8) | tag;
        at += 1;
    }
    key
}

/// Declares named paths.
macro_rules! paths {
    ($($name:ident = $($tag:ident)/+;)*) => {
        $(pub(in crate::formats::bank) const $name: u64 = path([$(Tag::$tag),+]);)*
    };
}

/// Paths from the statement on.
pub(super) mod statement {
    use super::{Tag, path};
    paths! {
        ID = Id;
        IBAN = Acct/Id/IBAN;
        ACCOUNT = Acct/Id/Othr/Id;
        CURRENCY = Acct/Ccy;
        BALANCE = Bal;
        BALANCE_CODE = Bal/Tp/CdOrPrtry/Cd;
        BALANCE_AMOUNT = Bal/Amt;
        BALANCE_DIRECTION = Bal/CdtDbtInd;
        BALANCE_DATE = Bal/Dt/Dt;
        BALANCE_TIME = Bal/Dt/DtTm;
    }
}

/// Paths from the entry on.
pub(super) mod entry {
    use super::{Tag, path};
    paths! {
        AMOUNT = Amt;
        DIRECTION = CdtDbtInd;
        REVERSAL = RvslInd;
        STATUS = Sts;
        STATUS_CODE = Sts/Cd;
        STATUS_OWN = Sts/Prtry;
        BOOKED = BookgDt/Dt;
        BOOKED_TIME = BookgDt/DtTm;
        VALUED = ValDt/Dt;
        VALUED_TIME = ValDt/DtTm;
        SERVICER_REFERENCE = AcctSvcrRef;
        ADDITIONAL = AddtlNtryInf;
        DOMAIN = BkTxCd/Domn/Cd;
        FAMILY = BkTxCd/Domn/Fmly/Cd;
        SUB_FAMILY = BkTxCd/Domn/Fmly/SubFmlyCd;
        OWN_CODE = BkTxCd/Prtry/Cd;
        BATCH = NtryDtls/Btch/PmtInfId;
        CHARGES = Chrgs/TtlChrgsAndTaxAmt;
        CHARGE = Chrgs/Rcrd/Amt;
        OLD_CHARGE = Chrgs/Amt;
        INSTRUCTED = AmtDtls/InstdAmt/Amt;
    }
}

/// Paths from the transaction on.
pub(super) mod detail {
    use super::{Tag, path};
    paths! {
        AMOUNT = Amt;
        DIRECTION = CdtDbtInd;
        TRANSACTION_AMOUNT = AmtDtls/TxAmt/Amt;
        SETTLED_AMOUNT = AmtDtls/IntrBkSttlmAmt/Amt;
        INSTRUCTED = AmtDtls/InstdAmt/Amt;
        END_TO_END = Refs/EndToEndId;
        INSTRUCTION = Refs/InstrId;
        TRANSACTION = Refs/TxId;
        UETR = Refs/UETR;
        SERVICER_REFERENCE = Refs/AcctSvcrRef;
        BATCH = Refs/PmtInfId;
        MANDATE = Refs/MndtId;
        CLEARING = Refs/ClrSysRef;
        OWN_REFERENCE = Refs/Prtry/Ref;
        DOMAIN = BkTxCd/Domn/Cd;
        FAMILY = BkTxCd/Domn/Fmly/Cd;
        SUB_FAMILY = BkTxCd/Domn/Fmly/SubFmlyCd;
        OWN_CODE = BkTxCd/Prtry/Cd;
        PAYER = RltdPties/Dbtr/Nm;
        PAYER_8 = RltdPties/Dbtr/Pty/Nm;
        PAYER_IBAN = RltdPties/DbtrAcct/Id/IBAN;
        PAYER_ACCOUNT = RltdPties/DbtrAcct/Id/Othr/Id;
        PAYER_AGENT = RltdAgts/DbtrAgt/FinInstnId/BIC;
        PAYER_AGENT_8 = RltdAgts/DbtrAgt/FinInstnId/BICFI;
        ULTIMATE_PAYER = RltdPties/UltmtDbtr/Nm;
        ULTIMATE_PAYER_8 = RltdPties/UltmtDbtr/Pty/Nm;
        PAYEE = RltdPties/Cdtr/Nm;
        PAYEE_8 = RltdPties/Cdtr/Pty/Nm;
        PAYEE_IBAN = RltdPties/CdtrAcct/Id/IBAN;
        PAYEE_ACCOUNT = RltdPties/CdtrAcct/Id/Othr/Id;
        RELATED_IBAN = RltdAcct/Id/IBAN;
        ULTIMATE_PAYEE = RltdPties/UltmtCdtr/Nm;
        ULTIMATE_PAYEE_8 = RltdPties/UltmtCdtr/Pty/Nm;
        ULTIMATE_PAYEE_ID = RltdPties/UltmtCdtr/Id/OrgId/Othr/Id;
        ULTIMATE_PAYEE_ID_8 = RltdPties/UltmtCdtr/Pty/Id/OrgId/Othr/Id;
        ULTIMATE_PAYEE_PERSON = RltdPties/UltmtCdtr/Id/PrvtId/Othr/Id;
        ULTIMATE_PAYEE_PERSON_8 = RltdPties/UltmtCdtr/Pty/Id/PrvtId/Othr/Id;
        CREDITOR_ID = RltdPties/Cdtr/Id/PrvtId/Othr/Id;
        CREDITOR_ID_8 = RltdPties/Cdtr/Pty/Id/PrvtId/Othr/Id;
        UNSTRUCTURED = RmtInf/Ustrd;
        STRUCTURED = RmtInf/Strd/CdtrRefInf/Ref;
        STRUCTURED_OLD = RmtInf/Strd/CdtrRefInf/CdtrRef;
        STRUCTURED_TEXT = RmtInf/Strd/AddtlRmtInf;
        DOCUMENT_NUMBER = RmtInf/Strd/RfrdDocInf/Nb;
        PURPOSE = Purp/Cd;
        PURPOSE_OWN = Purp/Prtry;
        RETURN_CODE = RtrInf/Rsn/Cd;
        RETURN_OWN = RtrInf/Rsn/Prtry;
        RETURN_TEXT = RtrInf/AddtlInf;
        ADDITIONAL = AddtlTxInf;
        CHARGE = Chrgs/Rcrd/Amt;
        OLD_CHARGE = Chrgs/Amt;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_paths_differ() {
        assert_eq!(Tag::of("IBAN"), Tag::IBAN);
        assert_eq!(Tag::of("PstlAdr"), Tag::Other);
        assert_eq!(path([Tag::Refs, Tag::UETR]), detail::UETR);
        assert_ne!(detail::PAYER, detail::PAYEE);
        assert_ne!(path([Tag::Other]), 0);
    }
}
