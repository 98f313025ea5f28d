"""What people call a column of sentences, the likeliest first."""

NAMES = (
    *("text", "texts", "sentence", "sentences", "utterance", "message", "review", "review_text", "review_body", "comment"),
    *("content", "body", "tweet", "post", "question", "query", "email", "mail", "feedback", "response", "document", "input"),
    *("description", "phrase", "prompt", "headline", "summary", "abstract", "title", "subject", "note", "notes", "example"),
    *("satz", "sätze", "nachricht", "kommentar", "frage", "rezension", "beschreibung", "inhalt", "anfrage", "beitrag"),
    *("betreff", "titel", "äußerung", "beispiel"),
    *("texte", "phrase", "commentaire", "avis", "contenu", "titre", "objet", "énoncé"),
    *("texto", "frase", "mensaje", "mensagem", "comentario", "comentário", "reseña", "pregunta", "contenido", "asunto"),
    *("testo", "messaggio", "recensione", "текст", "сообщение", "отзыв", "вопрос", "комментарий"),
    *("テキスト", "本文", "文章", "メッセージ", "レビュー", "質問", "텍스트", "문장", "내용", "리뷰", "질문"),
    *("文本", "句子", "内容", "评论", "正文", "消息", "问题", "描述", "文字", "语句", "话语", "标题", "文本内容", "評論", "訊息"),
)
