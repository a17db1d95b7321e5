"""Sentences of thirty languages in the encodings of their countries, few or many, alone or among plain English."""

from __future__ import annotations

import random

import pytest

from headstart.data.encodings import recognised

SENTENCES = [
    ("It cost €20 at the shop and was worth it.", "cp1252"),
    ("Foo® is a good brand of shoes", "cp1252"),
    ("Windows™ is an operating system", "cp1252"),
    ("it’s a good film and I don’t regret it", "cp1252"),
    ("Price\xa020 for all of this", "cp1252"),
    ("It was 20°C in the room today", "cp1252"),
    ("Où est le café après la gare, où l’on mange bien", "cp1252"),
    ("così non può andare perché è già tardi", "cp1252"),
    ("België is een mooi land met veel cafés", "cp1252"),
    ("Tämä elokuva oli hyvä ja näyttelijät olivat mahtavia", "cp1252"),
    ("¿Qué hora es? ¡Muy bien! Señal número uno, por favor", "cp1252"),
    ("Bu şarkı çok güzel, ığdır ve İstanbul için öğretici", "cp1254"),
    ("Ez a film tűnt a legjobbnak, őrült jó és üdítő élmény", "cp1250"),
    ("To był świetny film, żółta łódź i gęś", "cp1250"),
    ("To był świetny film, żółta łódź i gęś", "iso8859_2"),
    ("Příliš žluťoučký kůň úpěl ďábelské ódy", "iso8859_2"),
    ("Příliš žluťoučký kůň úpěl ďábelské ódy", "cp1250"),
    ("åter ökad ängslig", "cp1252"),
    ("Das war schön, größer und früher als möglich", "cp1252"),
    ("Das war schön, größer und früher als möglich", "mac_roman"),
    ("Das war schön, größer und früher", "cp850"),
    ("Où est le café après la forêt, ça va très bien", "mac_roman"),
    ("não há informação sobre a situação, é ótimo", "cp1252"),
    ("rødgrød med fløde og æbler på øen", "cp1252"),
    ("Það er gott að vera á Íslandi, þú og ég", "cp1252"),
    ("Это был очень хороший фильм, мне понравилось", "cp1251"),
    ("Это был очень хороший фильм, мне понравилось", "koi8_r"),
    ("Ήταν μια πολύ καλή ταινία και μου άρεσε", "cp1253"),
    ("Šis filmas buvo labai geras, ačiū už žiūrėjimą", "cp1257"),
    ("זה היה סרט טוב מאוד ואני אהבתי אותו", "cp1255"),
    ("كان فيلما جيدا جدا وقد أعجبني كثيرا", "cp1256"),
    ("หนังเรื่องนี้ดีมาก ชอบมาก", "cp874"),
    ("이 영화 정말 재미있다 다시 보고 싶다", "cp949"),
    ("김철수(金哲洙) 씨는 서울大 교수이다", "cp949"),
    ("大韓民國 憲法 第1條 국민의 權利와 義務를 정한다", "cp949"),
    ("ㅋㅋㅋㅋ ㅠㅠ ㅎㅎ", "cp949"),
    ("good 영화 best ㅋㅋ", "cp949"),
    ("这部电影非常好看，我很喜欢演员的表演", "gb18030"),
    ("這部電影非常好看，我很喜歡演員的表演", "big5"),
    ("この映画はとても面白かったです。また見たい", "cp932"),
    ("この映画はとても面白かったです。また見たい", "euc_jp"),
]


@pytest.mark.parametrize(("rows", "share"), [(3, 1.0), (150, 1.0), (150, 0.1)])
@pytest.mark.parametrize(("sentence", "codec"), SENTENCES, ids=str)
def test_the_text_comes_back(sentence, codec, rows, share):
    chooser = random.Random(rows)
    lines = [sentence if number == 0 or chooser.random() < share else "plain words here" for number in range(rows)]
    text = "text,label\n" + "".join(f"{line} {number},{'ab'[number % 2]}\n" for number, line in enumerate(lines))
    raw = text.encode(codec)
    found = recognised(raw[: 1 << 16])
    assert found is not None
    assert raw.decode(found.codec) == text
    assert found.why


def test_few_characters_are_a_guess_and_said_to_be():
    assert recognised("it cost €20 there\n".encode("cp1252")).why.startswith("a guess by few characters")
