//! Claims that pycognito computed, as values: an independent implementation of the same protocol. The server's
//! exponent `b` is ours, since pycognito has no server; B follows from it.

use super::Challenge;

/// One sign-in.
pub(super) struct Vector {
    /// What is special about it.
    pub name: &'static str,
    pub user: &'static str,
    pub password: &'static str,
    pub salt: &'static str,
    pub a: &'static str,
    pub b: &'static str,
    pub public_a: &'static str,
    pub public_b: &'static str,
    pub secret_block: &'static str,
    pub signature: &'static str,
}

impl Vector {
    #[allow(clippy::unused_self, reason = "reads as the other fields do")]
    pub(crate) fn pool(&self) -> &'static str {
        "us-east-1_ExAmPle01"
    }

    #[allow(clippy::unused_self, reason = "reads as the other fields do")]
    pub(crate) fn timestamp(&self) -> &'static str {
        "Wed Jun 3 04:05:06 UTC 2026"
    }

    pub(crate) fn challenge(&self) -> Challenge {
        Challenge {
            salt_hex: self.salt.to_owned(),
            srp_b_hex: self.public_b.to_owned(),
            secret_block_b64: self.secret_block.to_owned(),
        }
    }
}

/// The secret hash of user `zoë`, client `client0123`, secret `s3cr3t`.
pub(super) const SECRET_HASH: &str = "PWIRYZ+lygJHiEhgMzcQ3gGF9kusdpIpjGj83NP3G3E=";

pub(super) const VECTORS: &[Vector] = &[
    Vector {
        name: "plain",
        user: "alice",
        password: "Correct-Horse-1!",
        salt: "1f2e3d4c5b6a79880716253443526170",
        a: "2c63888f28f004817e6ddce7a7ace732f6fadfa7e5c15b629362da5cc13da58a",
        b: "bc67ba94637d6efa609e467ada679f818a119b9e16bc17328f7b7676d015b0dc",
        public_a: "\
            343d679cf939bf274b435ebee45b09ba4f1cd445e30e8a75378de074225ccbe6b48dbd2cd08469bdd63ac13d3a3335a6\
            671cf4014cd01cf99da1e1c08b1805c353a0f5e3092159b0a1c8e97ecc2c2f4553e2b578363aa7fd55542f696e213fd8\
            41e671b0e65ae8f5918242c076e088a48fa88f5853b9a52bf9042dab03fbc970ff73254cd036a4ae9703084722ae4f06\
            c419eb3bc967b0e1ae0c09e5175f0f4c9114f224182b11e9192a473d43cf3e54514de1349be26e6506d71aadd3c2312b\
            e8365aef113adcff5a82012b2fc74b7364f5a3253c18c25862fa3d0e1fd15e9eae6c21611223735000ccdd0049ad092a\
            607348f855338f64ff928d4695e424068d8032421dd940f7e9819c4d484e1500986ebebbdd9a5e7319a8332e9944d781\
            7ce726bd1c4f56d7e52d74c2687f9bbddc3c17a126b4462c8d790e560cbd67a9d9777e97747357b4544aa683d5feb757\
            45b133dbde2708ce73292ed0b91ad351d888f9ae8ae78a783362c28d242bd66920ac967e25db24a85ab6b67f29a3eb94",
        public_b: "\
            38a03d9052eea5a2c82fbd52c3fda0041cdf31123e9bfa4e4a618b7015afea6770300d7d60e9209714c80b137565f21c\
            09d488bb5eacf53bf1741938a83884cf6a19956b057be1d21c3acea09dff99bee8e5f886d1a80e7abb8680440a78daee\
            755e23c697c4d724d6deab27bb5d978ffd07b19adf050bff8d891d066b04fa681c6772e6e9d45c06818d5125908ea305\
            21ff97cb7327943d4f8cb97db13b72acea0670e98fc00e3d77297afcb230e1918a39afd79d2a3779eacdbe2919113c8d\
            6bca30f7e14e2a07fb424230d409021c212cbecfb3746515e29aafeb539663f330e94d0d33391da2c6365c208cc8b73f\
            c90e476ad2fb31b7d7acc171b68d141772b51b117173482a40c406b8958ae8d94df142ad01bda4129d1a048247c5ebd3\
            ce2b8657e0d0822c4f7c1cec4b0dfd697849818cc7df45e03ecf80cff61adbae2aaa0744180a6e271a2cf320a799d829\
            c0b5e33ca91a91b1ca4c2f5ec56f54a4328010ac6c29bf5c5f0b3c921d9567b6a76fdf3fabcf875b392dffbe9a747583",
        secret_block: "\
            oRbJ7UbWIHc0pDMX0w/Yj1KshjTDfZBLv05B2GX5BHWhFsntRtYgdzSkMxfTD9iPUqyGNMN9kEu/TkHYZfkEdaEWye1G1iB3\
            NKQzF9MP2I9SrIY0w32QS79OQdhl+QR1",
        signature: "XjP8qvVvHTHxxsrpaw5/GtGI10/W0/yp6FtCl9Feo0s=",
    },
    Vector {
        name: "unicode",
        user: "zoë@example.com",
        password: "Pässwörd✓ 漢字",
        salt: "0123456789abcdef0123456789abcdef",
        a: "a712755f6cace4d519d5269512e74f7bfab36728a78beb7e0787c0de2f960063",
        b: "5796a670482c590e0d9782bfcdc83011ac8efe121c5989f1ba2dde83458bfed0",
        public_a: "\
            6df0062cdc2bdcfb6bb9c2d082859141e0e1d0b9249009ff53071695fa29357e12886c6984821876a8b9b5869347aab3\
            c749599c8cc39b5e76681bd0d96d03e992d772e85b7f1122161158130c21897e1c79474e13ec4a9b6c30054036b9eda1\
            f7b5c6f5e1a8d2b08f8c74d350a5797cc393b5615c3bc3b2833215ac40bec80d59408ffb621619137a950e1621a073cf\
            0189ccfc3b3c4c2e9cab7a87b2e6c3bfa7a120abcd7a1cb8c772abf0003f5fbb323f0df53feb944aab0eaaf4c2925ce0\
            6d45033d6cd1214ec2eba230b5887fc306d337ce8bd744a4114a20984770185e44a98036d9d8e3fc3f3de71bd31c6f00\
            5952e948e62fc582a1937356c90a3fea647b25cfdff5dd59b891667abc4b448548b9150ef42cf9320d1307775755a7c5\
            15741dda12ad35acc7ffc1476675f79d0e1c0a07a15b3d09bab2eca97d914c5a1ce234f02f2c4df22cd19ded3dc3ed49\
            e0b5ec2d3f1ec8110e1205d0b6f4ecea596d6505552c54a05877e76d7c56515bf406ba61c7291819e913f4d6f18c2c7b",
        public_b: "\
            8ce140ec0535ae61de6d588844892c66d099b53fe98af92b2c90ad800cd039ad73e39523365a407c1d112321551ca314\
            6f73c8608210969621a08ad7aaab22fe85763d90f0af25f67ac268f109d103e938dad2ec27fe3b2a27232641f0457499\
            f47b592e89f41342cc8d6ff59c03d86727636fa1a2664441a81c812eba1f8f91d3df01e99fdbd66bf038e4041cbbaf02\
            c9c4dc1b0daaca3bd313b126905fef15339010f5b7d60a8ee42cd21ee109a0ad1051261d32f14ce52183ac00d91cb841\
            4cff6b85dfad3e313ea5774e701784dbc57465f3e006d466430c24811f4c15d9026cc4526677166f283eafdad3b6b8da\
            578c96d6d39941c7e7ffc1ceb54c617e0d707485f196ee97ece5d9374cad98d4002f64a5b282d518a4f659526f868060\
            2ef9403ea6ae42fb0b13ed600831cff112cb28d493cbcae5ff8cf0ec2fe1fa9adeb1019c2f0b8479d6db4e2a27c3cb34\
            4d4eb3c9ce4172fb481993865e3cf33dc33fd87d0c42f2ee07b1d019e7e28afd2fdf3204817269fc167258c656cdf050",
        secret_block: "\
            L892pMPHWx+1KI2D1i3RFNxVbRb7ogarNdOL/ilKKFcvz3akw8dbH7UojYPWLdEU3FVtFvuiBqs104v+KUooVy/PdqTDx1sf\
            tSiNg9Yt0RTcVW0W+6IGqzXTi/4pSihX",
        signature: "YMdznU0siJB/d/an9x/GzMaT/fpqstE6LBPM/r6PC+Y=",
    },
    Vector {
        name: "salt with its high bit set",
        user: "synthetic-0001",
        password: "Pässwörd✓ 漢字",
        salt: "f123456789abcdef0123456789abcdef",
        a: "45ac16b9c20dbc210f8a7abff2e91ac70b80a25553a12945a93258ef7777682c",
        b: "3c3ae353fb14628e90b401a6c1cc0affdd2ee150d2840277789c1af40ce8fcc9",
        public_a: "\
            50432b8fa7cf4e1845195d527c4de62f3317359138a812f88f17860c743fc7e192f2592ed2f554ac84ccf7e057b2888a\
            7c5bf6e3746da076f2a67b60ad299672184f6f1a59fd1dff63b03265fe645f3073e8ecd74a3ad10492e7a68928acd5a9\
            ee6f8894ecdf9a1de845b6da4357fa4ab56e068f094cfd07348a86d0f52ded2b604a78dcea306501137d05850a8c87f6\
            d2636f5abd8599135bc354d72fa83760ef6c1c867e0568762d16a763c5b61dcf6f9e09db291cd9ab7ddd6f38ef2d6c0c\
            b1a0dcd6456b2dc163ea917e630f90e9c85b47ef41ce3a19b00861d4a98c4fc6342df5154d93c159f66db04d05a48aa6\
            77681002ee869d0294e66c7f7b80b9e2b2b1ce94fefdea90081a2bd290bca801e2a10be2394aed04e9c1c6f64282a884\
            a8555fb8be10fd5346410215aca97fa8c2e76765a7b95825bb39da1ed6c40832241d9152e7af4c5e1e6bb804de491c88\
            0c3b1f1635ce4810ad3c74c5c7fb406927bbfd0da77870c79f80e2a1910e8b587dd1d44cb46a7abb715fd80e25c13378",
        public_b: "\
            60cad3ed1e906a27aa6edd4be42008f6e57b5c8f9e58aafff40c99f9bbd0630d436ad288bc6ebc01f4c8d99d019ec168\
            761b9a84fca716773a11443ad6ef5a78de690e43249a9a7d3401879681659d183fb3f52fac24b95a321b62cea820412c\
            48165048b56f3e22fe955f7456f718877a1d57dddd0cd30b27bc98d92194ada3ee067d4f301abc841bf2292fd949ad61\
            58fe3dba8f85dd52320ef7426daab9ebf21dd69d55bfda8290902fbb6b7b33dc887bee28197cf89f3f9a328f4c35bb51\
            105293fac8396022131dd3500d1c067870b871a187789544cc079ce351df69761ab7740f7de1f4c2a59dd2f0f984562d\
            9679ce3b8a2e21b5d0396ea89c2fcb348166eb1aed8ec7359b8d0aa03d21ca6a011c28a8247ddb718ca314624637c129\
            f477cac6698a557a3c0331987c9592591d56281abff2bac4273da2e375bf4fd76692bdb610e5244790658557d40591eb\
            68438f77bb2a878751cadd6c8a7d36b2a82b91f6350df5d9cf0f4b64690c759ddb16106bd797934223a61528d14a4fb4",
        secret_block: "\
            V3K2GGpszWrkMQlkkIoMBjxO15JsV4mTFE5vR+3jUvRXcrYYamzNauQxCWSQigwGPE7XkmxXiZMUTm9H7eNS9FdythhqbM1q\
            5DEJZJCKDAY8TteSbFeJkxROb0ft41L0",
        signature: "NAvgRaddlV7dfsjLanDF9nBajMgB29N4CCBfnZKg34s=",
    },
    Vector {
        name: "salt of an odd number of digits",
        user: "synthetic-0001",
        password: "Pässwörd✓ 漢字",
        salt: "9abcdef0123456789abcdef01234567",
        a: "bbeeb6361d33bc6d96f0da847a2a3b87b9c8b9ffe46ed627d419c7723226db94",
        b: "ff53a46f5ead703a84c4b877678537a368e58909ccb2b416525a56c9a30f4300",
        public_a: "\
            75445b183a338a47f81465c1dcece976605df259802f6acbd5840b9c099fb6ca78a5c578b9f82d789db24acfc47baeb8\
            14988d864b2e176dbb2f925674b9870d5c4ae31a2b99bac0b6eeaea50e37a362f7973a0af33b05efbf583c798bda4712\
            f39bb5739b106dbb646106285cb81eaef13305eeedb44dacd6ec33b12baf29868f9f09fa742b1da04f974d0420831ee1\
            124d58ff9f5049e905e6fdc433808dfa70c51787534d4f08b065852c26701231e40c1fd49a625d49b841809930123542\
            1be73d25979a468243bced5f44620223ae1e4a8abd593893a7dce358648fa2ab7083cced49ea5a7afa7e22837faabcae\
            8c2e7036cec07380759031bbd7be4d8ec803e96add9c82d0347aa5edc8251480a79014269fee868b2013a6a2fe7fc750\
            75d76e8c3a39f57decabd30a29aec4c89af81b8ba2a97aecdb9070b364e42dbdf35f1faa321513d142c2370d00c4c171\
            044b78cf07c5842ea337d56fe8296342679f5ca71a81c6284529c015b9a0d15a27ab5596335dd0a697e5289cef905adc",
        public_b: "\
            3d7fab39d207ac496406587dacfa899cfedef483a8e349fc23481e5cb24bf53163cd875ded6bb8d984092a77a50436b0\
            2c5ea4cb5fce849f14ca1c8f6c428aa3ccfadf2c0a6d07d52337dc8b3efba47a3f42065645ab7159f1d6e7bdb871f0ce\
            91074a95528bbb494acdcf4b7ee143845a8bfa37ca9355a3b1b580936f0930980397acd28a271dc56d9bc6792c9da421\
            fcd3d5fffefb79dad4b6bb5430b641d577ad38c1e7fcbb6867971e05a56c6ab024f5320b23c67f8aafd26c5653a689e7\
            df06307f221cb45c1e04cc4d2fb8ee539f13079ea1f8d99c903649d25c739298baf74bab4073762cd92bb68d25be814c\
            4f9b49ff22beb9bdc4a19548220bb4f19bd946e8d482d04790c3f3c2247e8163babfef14fba1f80390fa05ed550b10be\
            bca691d224b4b1a38f21f56a6e4049781ddf4172874dbc21680351ffa3dc64b3115577f6625578bb407235ecbe002439\
            cbbc936be18b4efa1069ea9ebcc8745a72181f68dfe137713980a952dccc3d23e0528f07614c363f6192067771a944ba",
        secret_block: "\
            uVhmGnklRqrvGvsM6RkqfSxigQBuImiaS3YAtW+dU3W5WGYaeSVGqu8a+wzpGSp9LGKBAG4iaJpLdgC1b51TdblYZhp5JUaq\
            7xr7DOkZKn0sYoEAbiJomkt2ALVvnVN1",
        signature: "FDRx3nPlR/HgonU6ee2GJu/31qtEq8TgyCpPQqDtS9I=",
    },
    Vector {
        name: "A below the high bit",
        user: "synthetic-0001",
        password: "Pässwörd✓ 漢字",
        salt: "0123456789abcdef0123456789abcdef",
        a: "5c8d825458992894e692bf19b26be74c86308a3429b6def559c11d466f6d437",
        b: "52c78612cc65010936ec730b5ab4e22fcf6f4db354971bda513b7c4fd711cad0",
        public_a: "\
            5735653d540dbc00a11e55455221c84c930318754b9365b262b70a2322a691330fe610ed6eafc7fc2f9cdbfec0b5b68a\
            6f10e1e656e4e2f2630b70e043fe86851c5cd684791a5ff21d7ae17b09f933928b5de0609d4c8e6504e73a128e7158bc\
            ee9733beee28692e76dafd050c5c1ba4c000e5a9a405313bdeb7a7b26551c23ed115276351d1708ebeb2465a55350822\
            ebee3981d89a7e99dda9b3b5d610e22974881819d0cdcb9a32e3dd6fe5d120a0e697a64c55bbe3bad4823d7cc79b2e47\
            66e7f84d7c679c015c52187acc71043235d935418662360d8c3d613e35ef6b8d50faabcdb280e5f2fb0a22b3ab86d903\
            682145ea24780c8ec30d54e69abb62871c9dc244a415bc6d1cda95e38dc54b21e95ab2dc4b821842cd1c494294d1af24\
            fd5efb807fa23b99671f9bcc2a4cad8bceba0cc3027ac20b396d86de4f1fe1eaf5983ce0000aa7fc4a32b831412e68f9\
            41fce709e2606c866cdfd82f111f9ee3f0fab18199d74e70e0a9ef1e7357de47a7bab66be7f3859d80fc808005758977",
        public_b: "\
            c827cf2466aff96f9b25b9c71aee8d77513f57c1d84301241e28ce9f4d831c04952950a86f466a1160c5ea67020b47e0\
            c99b3fa52400da4842c1b0f3088cddd6bd97c22817a44f6c9d9d5d9f5e62541c1bd0b7b021fa9349bcbf7d86142cfe3e\
            fb7c4b9df4bdad43979950a4e671ffaf2f5c6ed0fc89ebec7285bdf68787fe8234f24b1e953d36634b18b5cdd35c10b0\
            8212e6ba6b5f8d9d6a2286883f8f55220a95ea21612be566667baaa21bd63cc5ca495f280f90aee561c53bb6caa30cf4\
            653d7ed2c1bb414ce52f197697cc3005d74aa1738053c70a65c2fea904001e7f6159e80613b832f1ca1462035c564e55\
            a38aa01b74b205e9b9095f377ba9f63373116c31da40820309d619d18cb25bbc367fb5172dbb4f9a16a4af028d661f47\
            a9ed04948242d57cbdcdaa5c33d9a2694db4ebf6a87bdb7de0da9352c8651a75dc8ffe94c8df4160d5e495f146ce1f4b\
            10202949b7793e71feb89782ad1125a7b60e6fcc555027d2e35d0facadf4f92902350e3b5266b4a1f38d42ed152537a1",
        secret_block: "\
            hj/BiRAq//YfE8C3k2udPba5EoagUOVeNKIw65yZHJOGP8GJECr/9h8TwLeTa509trkShqBQ5V40ojDrnJkck4Y/wYkQKv/2\
            HxPAt5NrnT22uRKGoFDlXjSiMOucmRyT",
        signature: "+/JrMjCQkXSKYXREN7v9p1oC1+H3safUFOc9nhbeToE=",
    },
    Vector {
        name: "A with its high bit set, B an odd number of digits",
        user: "synthetic-0001",
        password: "Pässwörd✓ 漢字",
        salt: "0123456789abcdef0123456789abcdef",
        a: "1ad9bc3c817d8f83db54cbabee349691020cf99c3bbd34ddc59a3f38401afc08",
        b: "7d3b26c567d69682763087a8b2ee25622938704fe659b8fec6c2a01609f590b5",
        public_a: "\
            cb304469fdc6e6c0368acf3a0212f8355599b7866dc3055f8c0d49235efeb3f62bfe241c8e7b3df4e76b1624897ce33d\
            69a4fdaea77fc6ce90b2defafb8ac587c55aaf064a30ef8f06dd318ec9aab896b0edce1e93c55c80d6615a883fce9ace\
            59412661629cb03e43a4070c77f8f14c49da509c738fad1a3c8855dacbd264fa347775ae546320ed365fc9734d6cff22\
            b35060ae07375195c8e67c0719b0130ecfe345e5cb00d212044d4e49ebd844c6a085ba3e4afcb2c29b9423063946bc8c\
            452aeb95e01e822c00938cf819e51ce378724f626bea1ee138adbe81ef42a822a52937a59173ae299bdad8f533996262\
            6ebe64d80f8099e1b076c51a9be67fa440fad61d0a4b69b297623b4dc85bde81fb47f724adf08e5c5633d8949af984e1\
            9f445eab1e9c581a5e939f948f6a956229204838aecaead2219f0614acbcc4034505f04f988217c4cf74c24e9313bc7c\
            213812a260173ca168e3d67824af2d8770c2cfc0862f8d785111d695abceda126e3a3dcdc799aba5681e76866f568f9d",
        public_b: "\
            637bf351839eee967e8e35b8ea988ef4debeea48142e3e6b088ac61cd2eb6bfd7c2dd41a6b94f60ae22400657ba13888\
            3f68a401367fbb381a7090e33a3c1734d8284aff4ebaa517594f97fac78e64f5b16c3dabe43ec102e738fbf6fe53b438\
            549d213cc6868688b12a9a3ca5a6abd9b0281b09866055944a527c7da194bb12eb695a3f6076a5cdd6f233c0bad46a16\
            5d92aa3340e6c7734d7192668de57ef7379a1fcf1eb92457b0ac6eb13428bb1fda2ecf3e6dd0baf8f616cea446acf3f2\
            9da5f5f65a0bef0393b5394fedc6f712d9abc039a992c7341f958b5449c923276c6d1ca89c56efec4142934649c5b3b2\
            7a41a106c3fc49bc8bc50265943d7dfb27bd72f79925ae672367abf91c5f8bc3a8c8c95fff3a762b2ed55198b87185a3\
            a4473eb7862f922cd45ae34e4ddeb98c1b11944bbd52aeea02c919c075d9edbc098bc7f72118d79aa0629252bc3acff3\
            d14b9497989f786f934031a7f59d723acddad3a3d836b14a350a393eea622e0a6167349901e05350392b80b720cc872",
        secret_block: "\
            c5yIgcW36Pgxmr9G/yIA2gDztmnlneI39cG529MBV1VznIiBxbfo+DGav0b/IgDaAPO2aeWd4jf1wbnb0wFXVXOciIHFt+j4\
            MZq/Rv8iANoA87Zp5Z3iN/XBudvTAVdV",
        signature: "sqmSJMAxwDCdPCms7jZ85bI7A0Yhhg4ElsZktwrhefU=",
    },
    Vector {
        name: "A of an odd number of digits",
        user: "synthetic-0001",
        password: "Pässwörd✓ 漢字",
        salt: "0123456789abcdef0123456789abcdef",
        a: "ef09376d3f86e977cd2b44610be494a491a5e5da38e3f913e359fbb2b0ab6b3a",
        b: "b4d6e53d5a531696f06ce019cef506c1f72b0c802bd961d9ca1f8053c840a8ad",
        public_a: "\
            15e27c6f7f28af29ebb299c48ea69b4e0dafeda4502fca09bacc70eac859003c460bbdd0779fa92042111532f12c96a7\
            c56a49270f9433061327a90542756337d94925f257252438f406b5c4bf17d2c956c3d95a4212f9ede995bd444e60be78\
            c90ee801f3ad4ef13f0568013f533fe4665f0e99184f0dae9d218c9eb91f7d80ab424fd774e170a2a8486b5ae2363ae4\
            d881a8bd2c0423639ab0c2002c776b5c87144f4ed6f7f94d4c292828e68ce7668d6c3ebe7b0d7d61fd6e4fb922cd5664\
            8255194fada64a968dd55e6da38c8d72daed5efb777e66a95260cdb62df2343e573da4b047349716e0d329de71e1d532\
            ba55a4240a141a0371d2f3b031d64dbacb410f676bf4b21cd4cee521027be07255dfde694489c14c1c9ba8965e9583b0\
            dd0ba189a6e858df859a5f8411f06e142d783d3dd1c92f59c68a07de0aaee7f0698e8ddfefec970d9c5c46b63e646632\
            9236f78e06c4f8160e229fdcdf74e0fea751dc7fbfbfc8eed0661320038f91489afdcc25ff7d4c433d5a371948444a2",
        public_b: "\
            8646f6d55b472f5ca74dbebbf433ecf083389338a176c207bcda994409082410dc790730d3108d9206777fc4046f0797\
            8b6d9085f337b8e6086c1d1a7e9439a89d0d349c814a7c54d4eafce5e5fad31b8db545a6451e3224a5cd648b58be1734\
            a5f75009761b35936650d815ca575893f0ab4a77d644e6270bd15a795b884412446a4fd5e4c53e5f07bcc2d79518ebf6\
            0e817d1d2063ceda2c193200941db685662b9edf064a109f61d2a988d6b0e2a3f7d7ba14e371e12c1f243bf174ec36b3\
            d375e359c788671aba194aff388e974f56b069914678fe4d240950f33909581ab65b7cacf41398c1a55e052dc6825820\
            6b4ba110242ecad6d31ddd509dbe5d7da6ce7dcedf1a5f3fcdff10bffc19cf336a073f1e516f4aadaf1b6f6f3a4c04f6\
            d601cb926bfc263fc03205873ae469d25ddcb1384f0d1227a5e246da8bbd18fb8326f8c868fc013f005f191cd13b19d3\
            8c84f836bb991b012a7983865d37591c78eff83a46b94fa81dd3ed33061196c96f1e8eab41b4c49fbe29f0a7ade4289a",
        secret_block: "\
            ak5n1FmgYrul7x/Ynnde6xivRa+P3t38498SkolI7s1qTmfUWaBiu6XvH9ied17rGK9Fr4/e3fzj3xKSiUjuzWpOZ9RZoGK7\
            pe8f2J53XusYr0Wvj97d/OPfEpKJSO7N",
        signature: "N0zbvtyQh46umIxiOHcxMo+ySL2yArLx+Rg1Iv27m20=",
    },
    Vector {
        name: "u with a leading zero byte",
        user: "synthetic-0001",
        password: "Pässwörd✓ 漢字",
        salt: "0123456789abcdef0123456789abcdef",
        a: "78e45c1480f853003bf912f13bc84f5629ba53f2a72499596e1b201ccb690f24",
        b: "560651f828a8c9a6ec5459a69507869bbf0d97d6a478d9c7e91c8ef08a620814",
        public_a: "\
            146327513bff2927a40ff0c4a6a97f921c8b40b6fa6a21c859440af0a391614cd06e704023a860d9a69dd1419ba35a0d\
            d923b3a54177866b5fff6dbb813d56d9b20ec7e8caad7682d4c82a34133b8518eb7a62afa14ec0f5fddbe7bd67411fb9\
            b6960cdd20b0bc1201cada846c73777a525a455fce14cb71a6601e405015068927ebdb6459a8f8d435a4a7e88948c307\
            e705dbaed84454397166c40cda1cf91a3822de4dc3f00b8bf43ca38e54be9bcd1c6442af6e1d01f595c378d68ef69f64\
            da0496b752f93d3fb65f9c52f3e653d950bba5c9a3b5f2294d8d641406d805cfd768fef5b4fc336ea444eac9bf6b5d25\
            91e435988e57260fc0762fdf0e84fd1f56ce0ef3f4122815b41228ac4cfcbf2d5146244a0c15325351338c6f0cccb9d0\
            f8004bf51d673bbfaf13f15becf45fb7cc474faff79e3ea7837f0873a4e9d1aeb743c11ca34aac5e00b8b238974e48fc\
            a149bc8f7c838cf743accff91961940b0f602a42945f3b616c4ef79557aad5032b9bc5415aec0bb19001f33a957bdf77",
        public_b: "\
            b4a9b7794e8eba0e616ce0e90a5fc8cfecb2f88af17974ce112d3571b7d3b35ac4b8828203e5c6b5b437b65bf9e7cb81\
            a476df87bcec0a54e80999ba4cd9bc671c1f100db53b5a7d835a9b25b77069bd8e02908dfd7c7201d327a5761c09385f\
            48c70fcdd6703622ece94e66164a800e3df9cc998638224f37b830e611b43753c1aa94789a51146d02fadb79497c9406\
            cae29404146a085371b0bb93c92548143117e61c0b2543151f992d143a1766ebda02ccc5dffe042ef2d565b3a84c36c6\
            80e9a3ada8e1005bf3b2e07d0761bffad6dedd9f8cf96ec339622be2f552f4b3a44df49ed1c63303278c58848d3c2f1a\
            ac7a66711a0c28633b4706669e167f932c5e08480ffe297e91d1832d3daaabe9ceccc5168b902cc01eabaa52fa9f9640\
            8a9f02736b682680be7074a78b2e8ec569f32da35ccb3101cd30b4bf360c085ca4995d23bddacf1e6b4bad40f018dd57\
            577ce257f89d210e226999f0d2a4d676dc8609175818f1fff49bbb016ec349d325bc7c928602c0da977c7dfb6ce460fc",
        secret_block: "\
            iOSXmXnkRv6tlQQaXbHRgGdG+hq7iYqw3c/Kma6xgPCI5JeZeeRG/q2VBBpdsdGAZ0b6GruJirDdz8qZrrGA8Ijkl5l55Eb+\
            rZUEGl2x0YBnRvoau4mKsN3PypmusYDw",
        signature: "ZIHHpPQm/dTMtkl8tj1mtuWHLJohJpuGxqnYad3IfAQ=",
    },
    Vector {
        name: "u of an odd number of digits",
        user: "synthetic-0001",
        password: "Pässwörd✓ 漢字",
        salt: "0123456789abcdef0123456789abcdef",
        a: "fd4337ee4faaf5981037c1b91e2bc44bc0da0db860088ab06b7242d8e8b0d13f",
        b: "3084c54ec178abc2529210f0ffd625df55508fcaab012cadfb563b987004a618",
        public_a: "\
            c63b86cd72b23ad95487cd450b91649a15aa68c0a3abce77e9f51dba2e0682420757eaf3f167b76dca3edd43b4b9704c\
            941b1116172e25691e5cca2b5d2c84941ae19a90af4746c68d73bfa8e746df83262139294a2da18a0057732e1c614872\
            ba964482a51c5e986d0f2a59a7dd27228ee5d9e00876e688ef584d412b745d1b51156c6a289262303a91e3771bec93fc\
            cd12ceed4c9cd9b5086289b41aa04183de40396f0822c33a593bd6c6ecac14879cc98286ed6bc4e468b3f90b486992d3\
            90c6126b35fa9d48407be736502a8c1e108aaf79773d37031412afd88a113555222c94ee3b9c10aa4fd84d700d746d9d\
            f704622430b50a76dd585fcabb5e1b829f5b73d3068cfca479c3384a1d07635247d9bf0dc9ebd79e3d5497b6b88bd74f\
            62784d0f9e4b3b54fc4bcf6ff36ec0551c440af3793424c0421fb786ad74f37aab58ef3fd9fb14e551846ed993bdd432\
            a2889279e6a47bcb84d6df4e36c641cb6921623e6b3e68468369f94ad8ae84cb5c6add40c90687ad2a9f5590488e3228",
        public_b: "\
            262abbce441ad99e6bb37f0f14548396afeaccdfa1535e28c1c175b6016aa65fcf526dec0364d4144e0e816cb789202d\
            2f766ad36e657a1d5968e7b987d7ebd1c1b38e84266be9938481c286309ee4210142f2c5f6eba1ce7d37a0c48316ca53\
            570b870dcab784a9b3b1bb68bbbaf3ab484d70cfc5063c85b4b91486efc7d1cd67bb3eb5d0a712b762b21b9473f52e46\
            e0c013b9cc3fa5257e72720c490959bfcb0fe2c0b74330f01207d877b3f37d528ec1248f252a3d1133c96583315adcd2\
            1dd212d25c4a8dac91c295aaeb4cde600f64bc914bbb3456156ca78b0702619681651f61054bdfc997c9cddc1616c582\
            e14e15e59edc15c57b30604ea1fbc050341bd4bb5676de3ad05dfb521322a4a292922a3270e9531b91e32c909b15d523\
            04c02d62757690ac0557b051a918afcb7cc1a08e3ac09ad251c55e60c3b3a642d012a7328995ee700ec6b183b65e0ab6\
            e2dfe023f4e6d0d89650df71531c4ba68149f75f34471d13e057968267b77545e110cc46f9034e21357f3bf0bf33626",
        secret_block: "\
            7/+guddzbVoB3bja3sjc7DmopyJLopA3aByCxmChcRHv/6C513NtWgHduNreyNzsOainIkuikDdoHILGYKFxEe//oLnXc21a\
            Ad242t7I3Ow5qKciS6KQN2gcgsZgoXER",
        signature: "KXos059h/To5Df9gXNFq4azSNRQzXIKT+gYysgHxISA=",
    },
    Vector {
        name: "A with a leading zero byte",
        user: "synthetic-0001",
        password: "Pässwörd✓ 漢字",
        salt: "0123456789abcdef0123456789abcdef",
        a: "b61fe3447be5bbdd4c1e597863811db643d9a94b6e2df1a5550fee10859ffa01",
        b: "ad7ce126123f79013a9affba3732fa0f32d9560462c255ac1ce76d57eb7aca72",
        public_a: "\
            c6a7590d7e4223f9dfb4eb7a9424cac1befa10f9647b9ec000eacc867a0107ce61b757ee41b523ba310997b551ee5cae\
            7c5623cd57bfcd9126fd209d48f2994f26549238e0331a8b23c8ec3c497adc9529782704e3f8a1952238350199bc8f87\
            d8de11135cdf11eaa01534d3f6b6d75b9aa29631a42fbe388aebdb47bda77dc4d0ff58b2464e414dd478f3f66da71291\
            287cc64853427b5a9ee9947d1d4dce6bfaa316342042d7aabf838b7d778d563284dff362a25f73328c87ab1740f164ae\
            c725c1ed3ea1b7d207e5ace2dca0acf4465af75374e6f3813183bbe0c6ac4a9d3852a0752b9bcff154ff5a8fc23bb62e\
            f1a09215dff5738bf1c4e795f5b202b9119549a078472e3e8d03e491215264d625f742b2cee0550b79331d6404dd4928\
            6bc8c4a4503a6464bc2ccf5f6cf7a359d9a4e3d881f19bf35358bd7963173fa414895df12b2d97f07591588229a314d0\
            6a448c849dd40aa6d3591bf11daa0ed68be08e29387104e6e670ee4983e2b09f29ebc12a55604f29b1d4ee17b701bb",
        public_b: "\
            e164b80d3d7ca4bbc352fad1d843827faccb2e21c2b8efc9a186636e2b7f59e050e7a81d92176050b002923d74195781\
            a7e8bfb7e86a8b9cec7030e123290d65f13aa0417c6b0a0fb07aa33ec3fa0b08250d96dcef34faf41eff6ba05d71d91d\
            0f0ae738bbc45119bf78f240547d78c2883888829000fb03d90b28a3cc9a15fb4747b562b0596cc9f8302dfc70d31a8b\
            3886ba167cbd5b0971854967886a57e28cdede48d21c963a94ffac9e05e041f534a854ac416d75998b02f5ef225770dc\
            f9041fa435f5548a6095037cdb1838774012047b15f2ec17f1634fe17a80f3f4a03fecf95aeef5b4b55232232a85a8f7\
            b75c653702d88dab0f240487c03ef13ae1f74956bebda00f8cbac995806071b828a81833da6768788ef959d98a9c9dd0\
            e4c88946c0767951ceaf94157eda2810b2d283e9df29377b19721daa14e9dc2aa350ec5f1c14cf5677e799f75f8b49ac\
            b38140990edf8fca3eb55b97442907ccafc65c1f7203afbbbc10f37ee7fa309f2586847a2e4f97a0c6d66c5e82ab95b5",
        secret_block: "\
            Zhz79hhET7pCyYqEtehRqRefv5MoEKDJf5sQLeM/jjFmHPv2GERPukLJioS16FGpF5+/kygQoMl/mxAt4z+OMWYc+/YYRE+6\
            QsmKhLXoUakXn7+TKBCgyX+bEC3jP44x",
        signature: "UqqUyS1PuLhTbIjBMZPzh2bwwzl6AdGSuUv/V/UbBG8=",
    },
    Vector {
        name: "S with a leading zero byte",
        user: "synthetic-0001",
        password: "Pässwörd✓ 漢字",
        salt: "0123456789abcdef0123456789abcdef",
        a: "156d5beb45bea7dc4e0d6295a203e1e4e9f63fc52ff9470c19541cb6052f159a",
        b: "6b22a86d49cb2f22e9bbeb3ca0d58913a5b3437254beeae63e1c9869cd6da823",
        public_a: "\
            5f646acda1b936f95fa67ff07edfd4d088b708635696684b61b91b356bfe7112c4d6a6d6886e44f4c1c2a0015ce596b0\
            2ff748b66e584f1d3ce0b9698b9c39aca1dc36a711dcbe1f6422f882d2c8a4ad255cf159177cb523dc1a6019d6c7a983\
            adc8c234cbed1d1e08ff83a19e94b8cfd05175d36f386665bc46982f7133c8b525d586ecd3ac7303c0343aaa0888c09c\
            ce5c5d51642331cdae550a33707034a331e7bbe6d77d2ff2e7984565a59f25b52193d48795964683fcd9cff6a3c5fd19\
            0b1e0ee551f8824c6c0b1c4907ad86bcf591765fe90c91d402522d3ce45f303e5dc24b91a6e311a4e40258f770f8bf9a\
            23808517a00dc275873ec40aaffabb9b9d2fd37ed21a4017feb61fe0bf862df350ba8bef2be50d672f80d7690dc18816\
            6132c247ff451de1ca94b51b6b5a26b40ef5755bae3f4279567270843faaae926f3039e4071f1a9db893b30cb9b0c824\
            ac951051445bf1b3fcb337ff75103d3878a8772f450e2d0f0a7774eb869e0eeece8a64610d1f074ab8d5b9cf144ba43b",
        public_b: "\
            f3b998651e727b40792427215c7c7289389e6efc5fe2181fb32fdfac97df96b581c1902dce561bb80d9095aa5ab2a997\
            421c9191cb4d9eee21d3ba7091acb93c1a86968b770fcb283d2d84a429774415e569841d34c4c32716c77477d73de35a\
            659391c1d744cf53f72f41d6f901aac561bc26783a4f357482749d12aaf4d565e252c4613fffdd1b18473f3084be9fbd\
            bb417273cf039f3d13ffb62f62c73ffb5fab588513315e5bc37725d4ad9cc2f69bc6ae2caec506a33cc4acb5abc21aea\
            de1ed2587443683f7d386eb4241b4c90f69268b50a37ad8ce736d2968e06c16f454fb4415f312a2e397577fb9fd1c712\
            e765d74e8a4f951d241b69a7621efb14ead7a95ce6dfac348e4dc55c0c24ae770ee2e33b52d0da791f2463fb3fd5706e\
            d0d34adc7714ae007d9711763982857ca26683d61845d877c570b52bc4654ad84c30a0e04861ee125655897534d020a5\
            7e22a1ab155cb9a6659d46b6d2e6ebf2bb259ecfa1d715a7278bfd656eebfe50847f203d359a650f2ff6c94657544a8b",
        secret_block: "\
            mNnR/b2nj5Iz8yBq2iwOniJMF0ywcyaiP6IA77hVOOqY2dH9vaePkjPzIGraLA6eIkwXTLBzJqI/ogDvuFU46pjZ0f29p4+S\
            M/MgatosDp4iTBdMsHMmoj+iAO+4VTjq",
        signature: "+h4Y6KAlniQCOgVG99xjT+JMLjJKkPnTLHZP6nZgMvA=",
    },
    Vector {
        name: "S of an odd number of digits",
        user: "synthetic-0001",
        password: "Pässwörd✓ 漢字",
        salt: "0123456789abcdef0123456789abcdef",
        a: "59de42e34595c8562b8ea8a0f6d6e26e29df5de78526f9bc112b999c96554f95",
        b: "46145fefa7dd253443cd43d2988b893c1875ad87dc8cee9570bda8631c413a16",
        public_a: "\
            98733897494339a867486b489450ee9b173949c5bd73d9005780c83aa506dfc012112c71fd13a6c27c0ddfd1017715d8\
            0055d17c3b7f564e910cd883e527f22078c9dcc5fa9aa890240d216c7357a9a37eba3807e7f806d517de6e269323c3f6\
            4d119161f116341b755abdc5c6ce7856f3486c74010150dbedf15c6387df4a4695aef4f6393ba1f784986a66a52d583f\
            a97f0cfdf01232a7771110cc51466b3f1db81943298cb76ba4b9fc226e0d8f376c15514a45a0c86f12ff74a019faf01a\
            c36f89e41150a8a309e6d37cd25eb10a41e927ef31adba9b5ffb83a54e62570bba8bfd1ad48914f1681909c5c4820c88\
            1553b60187a83597cd1fb2759391723215b1427fc3f47ea29f63398f250b364ba5f1a27a399bcf09dd461685f6b0dbb2\
            1ae8a7a118e77b814f20108d90315f27ebd3d5219b3b3a42849cc7e0b7fea13ed04f9a64674fdf5a6d159fdf1a01430e\
            115c2cab8792e0929074fae1c4175b67b19bb43e3f1ac8eb259041ae5d7a5e1796e05958aa5f56ceeb24e3cee86666bc",
        public_b: "\
            9fffed040268e78df16050a70fc7c03574fbdc0ec37e42a35389eddcd90a8f39429e8dab6e505682a812bc7d25bd0ae9\
            ad3c29aba1828d98b6529b40da2009215b59d5296dc427ad49a43f0de927fe748b7d81bd25949e4b84894c9ef51e91ff\
            9c3e3936898a22fcfa696d7118f625a4722203fec12dd7783d3fac1361c817f003f4ef02b21986b0996f94279ded20dd\
            2fa1e344bc7da5ba582c1da30d04ab3bf0965a24eca87dc882144d09e4ec0ed996c0a740a0077a5767ddb0b1dfed5b98\
            6ff256c08a9bd4ae9163297de358b9506cb179d43ffa561501197931ecd9229c61a5d2bf88672447b3e8a81809760e4e\
            0faa76e7e69616670f3c63a78f165c7e8ce1d35990d1e0180776767055eded001239ea484c5f1e488d19ce2039e4621f\
            f375bad22edc6d033d5dd5fd6df84e5f70c9e69b8d41003de90ed08fe809c1760c7726d15deb58e50c3205d880111ada\
            d58a4fbcc0dca40901c9506b5dc51698804e7568d790c2816afd901c3adfd32dbe589f32d4cdbbd3fea40940a82b05e3",
        secret_block: "\
            y9GeiIY6H6fgtlvosKkttiOvcmZUP1zy8qrejWWQ6PrL0Z6Ihjofp+C2W+iwqS22I69yZlQ/XPLyqt6NZZDo+svRnoiGOh+n\
            4LZb6LCpLbYjr3JmVD9c8vKq3o1lkOj6",
        signature: "p+fHykdZ1WRV5RYR1Phn6DnesugA/la3UzuK/2Yqblk=",
    },
];
