"""What somebody is told who ended the messages, or took them up again: one message, in the language of their word."""

from __future__ import annotations

from konstruct.conversations.consent import words

_OUT = {
    "en": "You will get no more messages from us unless you write to us. Send START to get them again.",
    "de": "Sie erhalten keine Nachrichten mehr von uns, außer Sie schreiben uns. Senden Sie START, um sie wieder zu erhalten.",
    "fr": "Vous ne recevrez plus de messages de notre part, sauf si vous nous écrivez. Envoyez START pour en recevoir à nouveau.",
    "es": "No recibirás más mensajes nuestros, a menos que nos escribas. Envía START para volver a recibirlos.",
    "pt": "Você não receberá mais mensagens nossas, a menos que nos escreva. Envie START para voltar a recebê-las.",
    "it": "Non riceverai più nostri messaggi, a meno che tu non ci scriva. Invia START per riceverli di nuovo.",
    "nl": "U krijgt geen berichten meer van ons, tenzij u ons schrijft. Stuur START om ze weer te ontvangen.",
    "pl": "Nie otrzymasz od nas więcej wiadomości, chyba że do nas napiszesz. Wyślij START, aby znów je otrzymywać.",
    "tr": "Siz bize yazmadıkça bizden artık mesaj almayacaksınız. Tekrar almak için START yazıp gönderin.",
    "ar": "لن تصلك رسائل منا بعد الآن إلا إذا كتبت إلينا. أرسل START لتلقيها من جديد.",
    "he": "לא תקבלו מאיתנו הודעות נוספות, אלא אם תכתבו לנו. שלחו START כדי לקבל אותן שוב.",
    "ru": "Мы больше не будем вам писать, пока вы сами нам не напишете. Чтобы получать сообщения, отправьте START.",
    "hi": "जब तक आप न लिखें, हम आपको संदेश नहीं भेजेंगे। फिर से पाने के लिए START भेजें।",
    "id": "Anda tidak akan menerima pesan lagi dari kami, kecuali Anda menulis kepada kami. Kirim START untuk menerimanya lagi.",
}
_IN = {
    "en": "You will get messages from us again. Send STOP at any time to end them.",
    "de": "Sie erhalten wieder Nachrichten von uns. Senden Sie jederzeit STOP, um sie zu beenden.",
    "fr": "Vous recevrez à nouveau nos messages. Envoyez STOP à tout moment pour les arrêter.",
    "es": "Volverás a recibir nuestros mensajes. Envía STOP en cualquier momento para dejar de recibirlos.",
    "pt": "Você voltará a receber nossas mensagens. Envie STOP a qualquer momento para parar.",
    "it": "Riceverai di nuovo i nostri messaggi. Invia STOP in qualsiasi momento per non riceverli più.",
    "nl": "U ontvangt weer berichten van ons. Stuur op elk moment STOP om ze te stoppen.",
    "pl": "Znów będziesz otrzymywać nasze wiadomości. Wyślij STOP w dowolnej chwili, aby je zakończyć.",
    "tr": "Bizden tekrar mesaj alacaksınız. Durdurmak için istediğiniz zaman STOP gönderin.",
    "ar": "ستصلك رسائلنا من جديد. أرسل STOP في أي وقت لإيقافها.",
    "he": "תקבלו מאיתנו הודעות שוב. שלחו STOP בכל עת כדי להפסיק.",
    "ru": "Вы снова будете получать наши сообщения. Отправьте STOP в любое время, чтобы отказаться.",
    "hi": "आपको फिर से हमारे संदेश मिलेंगे। रोकने के लिए कभी भी STOP भेजें।",
    "id": "Anda akan menerima pesan kami lagi. Kirim STOP kapan saja untuk berhenti.",
}


def confirmation(said: str, *, wants: bool) -> str:
    """Return what to tell the person whose whole message was `said`. Languages without words of ours get English."""
    texts = _IN if wants else _OUT
    return texts.get(words.language(said), texts["en"])
