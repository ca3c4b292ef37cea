//! Document properties, twice: as PDF's own dictionary and as XMP. Both say the same.

use jiff::Timestamp;
use lopdf::{Dictionary, Object, dictionary};

use super::finish::text_string;
use crate::error::ReportError;
use crate::model::Cover;

/// The information dictionary.
pub(super) fn info(cover: &Cover) -> Result<Dictionary, ReportError> {
    let date = time(cover)?.strftime("D:%Y%m%d%H%M%SZ").to_string();
    Ok(dictionary! {
        "Title" => text_string(&title(cover)),
        "Author" => text_string(&cover.organisation),
        "Subject" => text_string(&cover.subject),
        "Creator" => text_string(&cover.producer),
        "Producer" => text_string(&cover.producer),
        "CreationDate" => Object::string_literal(date.as_str()),
        "ModDate" => Object::string_literal(date.as_str()),
    })
}

fn title(cover: &Cover) -> String {
    format!("{}, {}", cover.title, cover.period)
}

fn time(cover: &Cover) -> Result<Timestamp, ReportError> {
    let micros = cover.generated_at;
    Timestamp::from_microsecond(micros).map_err(|_| ReportError::Time { micros })
}

/// The XMP packet. It names the parts of ISO 19005-3 (level A) and ISO 14289-1 that the file is built to.
pub(super) fn xmp(cover: &Cover) -> Result<String, ReportError> {
    let date = time(cover)?.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let text = |value: &str| escape(&crate::layout::visible(value, |_| true));
    let (title, author, subject) = (text(&title(cover)), text(&cover.organisation), text(&cover.subject));
    let (producer, language) = (text(&cover.producer), text(&cover.language));
    Ok(format!(
        r#"<?xpacket begin="{bom}" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:pdf="http://ns.adobe.com/pdf/1.3/" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/" xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/">
<dc:format>application/pdf</dc:format>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>
<dc:creator><rdf:Seq><rdf:li>{author}</rdf:li></rdf:Seq></dc:creator>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{subject}</rdf:li></rdf:Alt></dc:description>
<dc:language><rdf:Bag><rdf:li>{language}</rdf:li></rdf:Bag></dc:language>
<xmp:CreatorTool>{producer}</xmp:CreatorTool>
<xmp:CreateDate>{date}</xmp:CreateDate>
<xmp:ModifyDate>{date}</xmp:ModifyDate>
<xmp:MetadataDate>{date}</xmp:MetadataDate>
<pdf:Producer>{producer}</pdf:Producer>
<pdfaid:part>3</pdfaid:part>
<pdfaid:conformance>A</pdfaid:conformance>
<pdfuaid:part>1</pdfuaid:part>
</rdf:Description>
{EXTENSION}
</rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"#,
        bom = '\u{FEFF}'
    ))
}

/// PDF/A wants a property of another schema described.
const EXTENSION: &str = r#"<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
 xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
<pdfaSchema:schema>PDF/UA identification schema</pdfaSchema:schema>
<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>
<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>
<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">
<pdfaProperty:name>part</pdfaProperty:name>
<pdfaProperty:valueType>Integer</pdfaProperty:valueType>
<pdfaProperty:category>internal</pdfaProperty:category>
<pdfaProperty:description>Part of ISO 14289</pdfaProperty:description>
</rdf:li></rdf:Seq></pdfaSchema:property>
</rdf:li></rdf:Bag></pdfaExtension:schemas>
</rdf:Description>"#;

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
